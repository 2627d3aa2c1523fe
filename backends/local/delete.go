package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/namelock"
)

// delete deletes the entry at p. One that is attached is [csi.ErrInUse], one
// that is missing is [csi.ErrNotFound]. It is hidden first: what a crash leaves
// is not listed, and swept later.
func (b *Backend) delete(ctx context.Context, p place) error {
	return b.locked(ctx, p.key(), namelock.Exclusive, func() error {
		e, err := b.load(p)
		if errors.Is(err, csi.ErrNotFound) { // finish what a crash cut short: deleted is gone
			return cmp.Or(b.discard(p), err)
		}
		if err != nil {
			return err
		}
		if err := unused(ctx, e.image()); err != nil && !errors.Is(err, csi.ErrNotFound) {
			return err
		}
		if err := b.discard(p); err != nil { // the hidden name must be free
			return err
		}
		if err := durable.Rename(e.dir, b.path(p.kind, p.hidden())); err != nil {
			return err
		}
		return b.discard(p)
	})
}

// unused returns [csi.ErrInUse] if the image at path is attached.
func unused(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return notFound(err)
	}
	defer func() { _ = f.Close() }()
	ok, err := loopdev.Unused(ctx, f)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s is attached to a loop device: unstage the volume first", csi.ErrInUse, path)
	}
	return err
}

// discard removes the hidden directory of a place that is locked, if there is
// one. A directory with files that are not ours is an error.
func (b *Backend) discard(p place) error {
	e := &entry{place: p, dir: b.path(p.kind, p.hidden())}
	if _, err := os.Lstat(e.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := errors.Join(durable.Remove(e.image()), durable.Remove(e.metaFile())); err != nil {
		return err
	}
	crashpoint.Step("local remove directory")
	return os.Remove(e.dir)
}

// sweep removes what crashed creations and deletions left. What is locked is
// being made. Failures are logged: they must not keep others from working.
func (b *Backend) sweep() {
	for _, kind := range kinds {
		names, _ := b.names(kind)
		for _, name := range names {
			p := place{kind, strings.TrimPrefix(name, ".")}
			if p.hidden() != name {
				continue
			}
			if unlock, err := b.locks.TryLock(p.key(), namelock.Exclusive); err == nil {
				err = b.discard(p)
				unlock()
				b.o.Logger.Info("removed what a crash left in the pool", "kind", kind, "entry", p.name, "error", err)
			}
		}
	}
}
