package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/image"
	"github.com/csikit/csikit/internal/namelock"
)

// poolLock protects the sum of what is promised. It is held for moments only.
const poolLock = "pool"

// create returns the entry at p, and makes it as m says if it is missing. It is
// made under a hidden name and renamed when it is complete and durable: nobody
// ever sees a part of one. fill, if not nil, writes the content of the image,
// which then gets its size; m.Formatted is then the mark of what it is copied
// from. An error leaves nothing behind.
func (b *Backend) create(ctx context.Context, p place, m meta, fill func(image *os.File) error) (e *entry, err error) {
	err = b.locked(ctx, p.key(), namelock.Exclusive, func() error {
		if e, err = b.load(p); !errors.Is(err, csi.ErrNotFound) {
			return err
		}
		if err := b.discard(p); err != nil {
			return fmt.Errorf("remove what a crash left: %w", err)
		}
		m.Created, m.Blank = time.Now().UTC(), fill == nil
		e = &entry{place: p, meta: m, dir: b.path(p.kind, p.hidden())}
		err := b.locked(ctx, poolLock, namelock.Exclusive, func() error { return b.reserve(e) })
		if err == nil {
			err = build(e, fill)
		}
		if err != nil {
			return errors.Join(full(err), b.discard(p))
		}
		e.dir = b.path(p.kind, p.name)
		return durable.Rename(b.path(p.kind, p.hidden()), e.dir)
	})
	return e, err
}

// reserve makes the hidden directory of an entry: from here on it counts. The
// pool must be locked.
func (b *Backend) reserve(e *entry) error {
	b.sweep()
	if err := b.fits(e.Promised, e.Thick); err != nil {
		return err
	}
	crashpoint.Step("local make directory")
	if err := errors.Join(os.MkdirAll(b.path(e.kind), 0o700), os.Mkdir(e.dir, 0o700)); err != nil {
		return err
	}
	return e.save()
}

// build makes the image of a hidden entry.
func build(e *entry, fill func(*os.File) error) error {
	crashpoint.Step("local make image")
	f, err := os.OpenFile(e.image(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if fill != nil {
		err = fill(f)
		if e.Blank = err == nil && !e.Formatted && image.Blank(f); e.Blank {
			err = e.save()
		}
	}
	if err == nil {
		err = image.Resize(f, e.Size, e.Thick)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// full says [csi.ErrExhausted] of an error that means that the pool's file
// system is full.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: the pool's file system is full: %w", csi.ErrExhausted, err)
	}
	return err
}
