package local

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/marker"
)

// The kinds of entries, each a directory of the pool, and the kinds of volumes
// made by hand.
const (
	volumes   = "volumes"
	snapshots = "snapshots"
	ephemeral = "ephemeral"
	byImage   = "image"
	byDevice  = "device"
)

var kinds = []string{volumes, snapshots, ephemeral}

// A place is where an entry is, or would be, in the pool: name is the hash of
// the CO's name. A volume made by hand has a kind and a name of its own. Both are
// safe as elements of a path.
type place struct{ kind, name string }

// static reports whether a volume made by hand is meant.
func (p place) static() bool { return p.kind == byImage || p.kind == byDevice }

// key is the name of the lock.
func (p place) key() string { return p.kind + "/" + p.name }

// hidden is the name of the directory while the entry is made or deleted. Who
// finds it and can lock the place has found what a crash left.
func (p place) hidden() string { return "." + p.name }

// meta is the content of meta.json.
type meta struct {
	Name      string            `json:"name"` // the CO's
	Size      int64             `json:"size"`
	Promised  int64             `json:"promised"` // bytes of the pool set aside
	Thick     bool              `json:"thick,omitempty"`
	Formatted bool              `json:"formatted,omitempty"`
	Blank     bool              `json:"blank,omitempty"` // nothing had ever been written when it was made
	Created   time.Time         `json:"created"`
	VolumeID  string            `json:"volumeID,omitempty"` // of a snapshot: what it was cut from
	Source    csi.ContentSource `json:"source"`             // of a volume: what it was made from
}

// An entry is a volume, a snapshot or an ephemeral volume: a directory that
// holds an image and meta.json. Its place must be locked to change it.
type entry struct {
	place
	meta
	dir string
}

func (e *entry) image() string    { return filepath.Join(e.dir, "image") }
func (e *entry) metaFile() string { return filepath.Join(e.dir, "meta.json") }

// save writes meta.json.
func (e *entry) save() error { return durable.WriteJSON(e.metaFile(), e.meta) }

// read reads meta.json.
func (e *entry) read() error { return durable.ReadJSON(e.metaFile(), &e.meta) }

// load reads the entry at p. [csi.ErrNotFound] is returned only if the pool is
// there and the entry is not.
func (b *Backend) load(p place) (*entry, error) {
	e := &entry{place: p, dir: b.path(p.kind, p.name)}
	err := e.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = cmp.Or(b.present(), fmt.Errorf("%w: %s (there is no %s)", csi.ErrNotFound, b.id(p), e.dir))
	}
	return e, err
}

// present returns [csi.ErrUnavailable] if the pool is not there: what is missing
// then may well exist.
func (b *Backend) present() error {
	if err := marker.Check(b.o.Pool); err != nil {
		return fmt.Errorf("%w: the pool is not there: %w (mount its file system, and restart the plugin if it was never used)", csi.ErrUnavailable, err)
	}
	return nil
}

// get describes the entry at p.
func get[T any](b *Backend, p place, describe func(*entry) *T) (*T, error) {
	e, err := b.load(p)
	if err != nil {
		return nil, err
	}
	return describe(e), nil
}

// names lists a directory of the pool. One that is missing is empty, if the
// pool itself is there.
func (b *Backend) names(dir string) (names []string, err error) {
	found, err := os.ReadDir(b.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		err = b.present()
	}
	for _, f := range found {
		names = append(names, f.Name())
	}
	return names, err
}

// list describes the complete entries of a kind. Entries that are deleted
// meanwhile are left out.
func list[T any](b *Backend, kind string, describe func(*entry) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		names, err := b.names(kind)
		if err != nil {
			yield(*new(T), err)
			return
		}
		for _, name := range names {
			if strings.HasPrefix(name, ".") {
				continue
			}
			e, err := b.load(place{kind, name})
			switch {
			case errors.Is(err, csi.ErrNotFound):
			case err != nil:
				yield(*new(T), err)
				return
			case !yield(describe(e), nil):
				return
			}
		}
	}
}
