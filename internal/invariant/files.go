package invariant

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// files lists what is below the directories that must be empty.
func (s Scope) files() (found []Violation) {
	for _, dir := range s.Empty {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case path == dir || slices.Contains(s.Keep, path):
				return nil
			}
			found = append(found, violated(nothingLeft, "%s is left (%s)", path, kind(e))...)
			return nil
		})
		if err != nil {
			found = append(found, unknown(nothingLeft, err)...)
		}
	}
	return found
}

func kind(e fs.DirEntry) string {
	if e.IsDir() {
		return "a directory"
	}
	return "a file"
}
