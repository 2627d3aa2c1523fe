package durable

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/rawfile"
)

// temporaryMark is part of the name of every temporary file.
const temporaryMark = ".tmp-"

// WriteFile replaces the content of path by data, with permissions perm (not
// changed by the umask). On an error the old content is still there, except
// when the last step, making the new name durable, has failed: then either may
// be found after a loss of power, and the call may be repeated. Concurrent
// calls for one path are safe; one of them wins.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	temporary, err := writeTemporary(path, data, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, removeIfThere(temporary)))
	}
	return nil
}

// AppendLine adds a line to a file of lines, unless it is the last one already,
// and returns the size of the file. It makes a file if there is none; the umask
// limits perm. It flushes nothing: the line survives a kill of the process at
// any moment, and not a crash of the machine. A kill during the call, or a
// crash, can leave a part of the line. Every line begins after a newline, so
// that a torn one spoils no other: readers skip empty lines and those that they
// cannot read. Concurrent calls for one path are safe.
func AppendLine(path string, line []byte, perm os.FileMode) (size int64, err error) {
	crashpoint.Step("append create")
	f, err := rawfile.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, perm)
	if err != nil {
		return 0, fmt.Errorf("append a line: %w", err)
	}
	size, err = appendTo(f, slices.Concat([]byte{'\n'}, line, []byte{'\n'}))
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("append a line to %s: %w", path, err)
	}
	return size, nil
}

func appendTo(f *os.File, text []byte) (size int64, err error) {
	size, err = f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if begin := size - int64(len(text)); begin >= 0 {
		last := make([]byte, len(text))
		if _, err := f.ReadAt(last, begin); err != nil || bytes.Equal(last, text) {
			return size, err
		}
	}
	crashpoint.Step("append write")
	n, err := f.Write(text)
	return size + int64(n), err
}

// WriteJSON is [WriteFile] of v, with permissions for the owner alone.
func WriteJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(path, data, 0o600)
}

// ReadJSON reads what [WriteJSON] wrote into the variable that v points to.
func ReadJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s is damaged: %w (restore it, or move its directory away)", path, err)
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
	dir, name := filepath.Split(path)
	names, err := list(dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	for _, leftover := range names {
		if !strings.HasPrefix(leftover, "."+name+temporaryMark) {
			continue
		}
		crashpoint.Step("durable remove")
		if err := removeIfThere(filepath.Join(dir, leftover)); err != nil {
			return err
		}
	}
	crashpoint.Step("durable remove")
	return removeIfThere(path)
}

// IsTemporary reports whether name, without a directory, is that of a temporary
// file of [WriteFile].
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, temporaryMark)
}

// writeTemporary writes data to a new file beside path and flushes it.
func writeTemporary(path string, data []byte, perm os.FileMode) (name string, err error) {
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
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// list returns the names in a directory; none if there is none.
func list(dir string) (names []string, err error) {
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
