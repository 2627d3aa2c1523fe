package invariant

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const synced = "what was fsynced is there"

// A Ledger remembers the files that a workload wrote and fsynced. The zero
// value is ready; its methods may be called from several goroutines.
type Ledger struct {
	mu    sync.Mutex
	files map[string][sha256.Size]byte
}

// Write makes a new file in dir and remembers it once it is durable: data and
// name have been fsynced. A file whose Write failed is not promised.
func (l *Ledger) Write(dir, name string, data []byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = map[string][sha256.Size]byte{}
	}
	l.files[name] = sha256.Sum256(data)
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Len is how many files are promised.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.files)
}

// Check reads all the files back from dir.
func (l *Ledger) Check(dir string) (found []Violation) {
	l.mu.Lock()
	files := maps.Clone(l.files)
	l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case err != nil:
			found = append(found, violated(synced, "the file %s is lost: %v", name, err)...)
		case sha256.Sum256(data) != files[name]:
			found = append(found, violated(synced, "the file %s has other content: %d bytes", name, len(data))...)
		}
	}
	return found
}

// Blocks remembers what a workload wrote to a raw device and fsynced. The zero
// value is ready. It is for one goroutine.
type Blocks struct{ written map[int64][]byte }

// Write writes data at an offset of the device or file at path.
func (b *Blocks) Write(path string, offset int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if b.written == nil {
		b.written = map[int64][]byte{}
	}
	b.written[offset] = slices.Clone(data)
	return nil
}

// Check reads everything back from path, a device or its image.
func (b *Blocks) Check(path string) (found []Violation) {
	f, err := os.Open(path)
	if err != nil {
		return unknown(synced, err)
	}
	defer func() { _ = f.Close() }()
	for _, offset := range slices.Sorted(maps.Keys(b.written)) {
		want := b.written[offset]
		have := make([]byte, len(want))
		if _, err := f.ReadAt(have, offset); err != nil || !slices.Equal(have, want) {
			found = append(found, violated(synced, "%s at byte %d: %s", path, offset, blockFault(err))...)
		}
	}
	return found
}

func blockFault(err error) string {
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	return "other data"
}
