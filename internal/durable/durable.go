package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/csikit/csikit/internal/crashpoint"
)

// temporaryMark is part of the name of every temporary file.
const temporaryMark = ".tmp-"

// WriteFile replaces the content of path by data, with permissions perm (not
// changed by the umask). On an error the old content is still there, except
// when the last step, making the new name durable, has failed: then either may
// be found after a loss of power, and the call may be repeated. Concurrent
// calls for one path are safe; one of them wins.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	temporary, err := writeTemporary(path, data, perm, (*os.File).Sync)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, removeIfThere(temporary)))
	}
	return nil
}

// ReplaceFile is WriteFile without its flushes: it survives a kill of the
// process at any moment, and not a crash of the machine, after which the file
// may be the old one, the new one or damaged.
func ReplaceFile(path string, data []byte, perm os.FileMode) error {
	temporary, err := writeTemporary(path, data, perm, func(*os.File) error { return nil })
	if err == nil {
		crashpoint.Step("replace rename")
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, errors.Join(err, removeIfThere(temporary)))
	}
	return nil
}

// Rename renames a file or directory within one directory and makes the new
// name durable. A file at the new name is replaced; rename(2) says what happens
// to a directory there.
func Rename(oldPath, newPath string) error {
	crashpoint.Step("durable rename")
	if err := os.Rename(oldPath, newPath); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(newPath))
}

// Remove removes the file path, and what a crashed [WriteFile] of it has left,
// durably. A path that does not exist is done.
func Remove(path string) error {
	if err := Drop(path); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Drop is Remove without its flush: after a crash of the machine the file may
// be there again.
func Drop(path string) error {
	leftovers, err := filepath.Glob(escape(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+temporaryMark)) + "*")
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	for _, name := range append(leftovers, path) {
		crashpoint.Step("durable remove")
		if err := removeIfThere(name); err != nil {
			return err
		}
	}
	return nil
}

// IsTemporary reports whether name, without a directory, is that of a temporary
// file of [WriteFile].
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, temporaryMark)
}

// writeTemporary writes data to a new file beside path and flushes it.
func writeTemporary(path string, data []byte, perm os.FileMode, flush func(*os.File) error) (name string, err error) {
	crashpoint.Step("durable create")
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+temporaryMark+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(f.Name()))
		}
	}()
	crashpoint.Step("durable write")
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = flush(f)
	}
	return f.Name(), errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// escape quotes what filepath.Glob would take for a pattern.
func escape(path string) string {
	if os.PathSeparator == '\\' { // Windows has no escape character
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
