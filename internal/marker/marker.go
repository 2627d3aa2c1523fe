// Package marker tells a directory that holds data from the empty mount point
// that is left of it while its file system is not mounted.
package marker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/csikit/csikit/internal/durable"
)

// name of the file, in the directory.
const name = ".csikit-pool"

// Make marks a directory that exists, durably, with a random id, unless it is
// marked already. Whoever cannot rule out that its file system is not mounted
// must call [Check] instead.
func Make(dir string) error {
	err := Check(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	// Its name is the mark; a temporary file could stay behind.
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(uuid.NewString() + "\n")
	return errors.Join(err, f.Sync(), f.Close(), durable.SyncDir(dir))
}

// Check returns nil if the directory is marked.
func Check(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("%s is not what it was, or not mounted: its mark is missing: %w", dir, err)
	}
	return nil
}
