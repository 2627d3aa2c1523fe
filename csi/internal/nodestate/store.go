package nodestate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/csikit/csikit/internal/durable"
)

// ErrDamaged says that a file is not what this package wrote. What it said is
// lost; [Store.Save] replaces it and [Store.Remove] removes it.
var ErrDamaged = errors.New("damaged state file")

// A Key names one file: of a volume (Target is ""), or of a volume at a target
// path.
type Key struct{ Volume, Target string }

// A Store is a directory of files that hold a T each. Calls about different
// keys may run concurrently; calls about one key are serialised by the caller.
type Store[T any] struct{ dir string }

// In returns the store in dir, which is made when something is saved.
func In[T any](dir string) Store[T] { return Store[T]{dir: dir} }

// Load returns what was saved under k, or nil if there is nothing. The error
// wraps [ErrDamaged] if the file is there but is not readable as such.
func (s Store[T]) Load(k Key) (*T, error) {
	f, err := s.read(s.path(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.Volume != k.Volume || f.Target != k.Target {
		return nil, fmt.Errorf("%w: %s is about volume %q at %q, not %q at %q", ErrDamaged, s.path(k), f.Volume, f.Target, k.Volume, k.Target)
	}
	return &f.Value, nil
}

// Save makes value durable under k, also across a crash of the machine.
func (s Store[T]) Save(k Key, value T) error {
	text, err := encode("", k, value)
	if err != nil {
		return err
	}
	if err := s.makeDir(); err != nil {
		return err
	}
	return durable.WriteFile(s.path(k), append(text, '\n'), 0o600)
}

func (s Store[T]) makeDir() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the node's state directory: %w", err)
	}
	return nil
}

// Remove forgets k. What is not there is done. A crash of the machine may bring
// back what Save had saved: a hint of an earlier boot, like any other.
func (s Store[T]) Remove(k Key) error { return durable.Drop(s.path(k)) }

// An Entry is one file.
type Entry[T any] struct {
	Volume, Target string
	Value          T
}

// Of lists what is saved about a volume, in no order. Damaged files are left
// out.
func (s Store[T]) Of(volume string) ([]Entry[T], error) {
	all, err := s.list(digest(volume) + "-")
	return slices.DeleteFunc(all, func(e Entry[T]) bool { return e.Volume != volume }), err
}

// All lists what is saved, in no order. Damaged files are left out.
func (s Store[T]) All() ([]Entry[T], error) { return s.list("") }

// list reads the files whose names have a prefix.
func (s Store[T]) list(prefix string) ([]Entry[T], error) {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Entry[T]
	for _, entry := range files {
		name := entry.Name()
		if durable.IsTemporary(name) || !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, fileEnd) {
			continue
		}
		f, err := s.read(filepath.Join(s.dir, name))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Entry[T]{Volume: f.Volume, Target: f.Target, Value: f.Value})
	}
	return out, nil
}

// fileEnd is the end of the name of every file.
const fileEnd = ".json"

func (s Store[T]) path(k Key) string {
	return filepath.Join(s.dir, digest(k.Volume)+"-"+digest(k.Target)+fileEnd)
}

// digest is long enough that two ids never meet.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
