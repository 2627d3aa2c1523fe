package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/freeze"
	"github.com/csikit/csikit/internal/image"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/namelock"
)

// capture fills dst with the image of from as it is at one moment. from must be
// held. The package comment says what happens to a volume in use.
func (b *Backend) capture(ctx context.Context, from *entry, dst *os.File) error {
	src, err := os.Open(from.image())
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	device, root, err := freeze.Image(src)
	if err != nil {
		return inUse(err)
	}
	defer func() { _ = root.Close() }() // which may be nil
	if device != nil {
		if err := freeze.Flush(device.Path, root); err != nil {
			return err
		}
	}
	if err := image.Reflink(dst, src); !errors.Is(err, image.ErrNoReflink) {
		return err
	}
	switch {
	case device == nil:
		return b.copyData(ctx, from, dst, src)
	case root == nil:
		return fmt.Errorf("%w: %s is attached as %s and not mounted here, and a pool without reflink cannot copy a raw device that may be written meanwhile: "+
			"stop the pods that use it, or use a pool on xfs or btrfs", csi.ErrInUse, b.id(from.place), device.Path)
	}
	return b.copyFrozen(ctx, from, dst, src, root)
}

// inUse says [csi.ErrInUse] of an image that is used in a way that the driver
// cannot handle.
func inUse(err error) error {
	if errors.Is(err, freeze.ErrCannot) || errors.Is(err, loopdev.ErrForeign) {
		return fmt.Errorf("%w: %w", csi.ErrInUse, err)
	}
	return err
}

// copyFrozen copies while the mounted file system is frozen. A record in the
// pool lets the next process thaw what this one could not.
func (b *Backend) copyFrozen(ctx context.Context, from *entry, dst, src, root *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, b.o.MaxFreeze, fmt.Errorf("%w: copying %s while it is mounted would take longer than %v: "+
		"unmount it, raise Options.MaxFreeze, or use a pool on xfs or btrfs", csi.ErrInUse, b.id(from.place), b.o.MaxFreeze))
	defer cancel()
	return b.locked(ctx, frozen+"/"+from.place.name, namelock.Exclusive, func() error {
		record := b.path(frozen, from.place.name)
		if err := errors.Join(os.MkdirAll(b.path(frozen), 0o700), durable.WriteFile(record, nil, 0o600)); err != nil {
			return err
		}
		err := freeze.While(root, func() error { return b.copyData(ctx, from, dst, src) })
		return errors.Join(inUse(err), durable.Remove(record))
	})
}

// copyData copies an image that nobody writes, if there is room.
func (b *Backend) copyData(ctx context.Context, from *entry, dst, src *os.File) error {
	need := from.account()
	_, free, err := image.Space(b.o.Pool)
	if err == nil && need > free {
		err = fmt.Errorf("%w: the copy needs %d bytes and the pool's file system has %d free", csi.ErrExhausted, need, free)
	}
	if err != nil {
		return err
	}
	return image.Copy(ctx, dst, src, b.o.Logger)
}

// frozen is the directory of the pool that names the volumes being frozen.
const frozen = "frozen"

// thawLeftovers thaws what killed processes left frozen. Whoever can lock a
// record has found such a one.
func (b *Backend) thawLeftovers() error {
	names, err := b.names(frozen)
	for _, hash := range slices.DeleteFunc(names, durable.IsTemporary) {
		unlock, busy := b.locks.TryLock(frozen+"/"+hash, namelock.Exclusive)
		if busy != nil {
			continue
		}
		thawErr := freeze.ThawImage(b.path(volumes, hash, "image"))
		b.o.Logger.Warn("a process was killed while it copied a frozen volume: thawed", "volume", hash, "error", thawErr)
		if thawErr == nil {
			thawErr = durable.Remove(b.path(frozen, hash))
		}
		err = errors.Join(err, thawErr)
		unlock()
	}
	return err
}
