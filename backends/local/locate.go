package local

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/image"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/namelock"
)

// onNode calls f with the volume's image open and locked, so that it is not
// attached, detached, grown, copied or deleted meanwhile. The entry is nil for a
// volume made by hand. An id that is none of ours can only be that of an inline
// volume, also where nobody says so.
func (b *Backend) onNode(ctx context.Context, v csi.NodeVolume, flags int, f func(*entry, *os.File) error) error {
	p, err := b.parse(v.ID)
	if v.Ephemeral || errors.Is(err, csi.ErrNotFound) {
		p, err = place{ephemeral, hashOf(v.ID)}, nil
	}
	if err != nil {
		return err
	}
	return b.locked(ctx, p.key(), namelock.Exclusive, func() error {
		var e *entry
		path, err := b.staticPath(p)
		if !p.static() {
			e, err = b.load(p)
			path = e.image()
		}
		if err != nil {
			return err
		}
		if p.kind == byDevice {
			flags = os.O_RDONLY // udev looks at a device again when a writer closes it
		}
		file, err := os.OpenFile(path, flags, 0)
		if err != nil {
			return notFound(err)
		}
		defer func() { _ = file.Close() }()
		if regular(file) == (p.kind == byDevice) {
			return fmt.Errorf("%w: %s must be a file if it is an image, and a block device if it is a device", csi.ErrInvalid, path)
		}
		return f(e, file)
	})
}

// Locate implements [csi.Locator]: it attaches the volume's image to a loop
// device, unless it is attached already.
func (b *Backend) Locate(ctx context.Context, v csi.NodeVolume) (source csi.Source, err error) {
	err = b.onNode(ctx, v, os.O_RDWR, func(e *entry, f *os.File) error {
		if !regular(f) {
			source = byName(f.Name())
			return nil
		}
		b.refill(e, f)
		d, err := attach(ctx, f)
		d.Blank = e != nil && e.Blank
		d.ReadsZero, d.NeverFormat, d.Fenced = d.Blank, !d.Blank, e != nil // what has an entry is of this node's pool
		source = d
		return err
	})
	return source, err
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// refill allocates again what discards (mkfs, fstrim) have freed of a thick
// volume. One that cannot be filled can still be used: it is promised its space.
func (b *Backend) refill(e *entry, f *os.File) {
	if e != nil && e.Thick {
		if err := image.Resize(f, 0, true); err != nil {
			b.o.Logger.Warn("a thick volume could not be allocated in full", "volume", b.id(e.place), "error", err)
		}
	}
}

// attach returns the loop device of an image that is locked. One that stays
// behind when the process dies is found again by the next call.
func attach(ctx context.Context, f *os.File) (csi.Device, error) {
	info, err := f.Stat()
	if err != nil {
		return csi.Device{}, err
	}
	loop, err := loopdev.Ensure(ctx, f)
	verify := func(_ context.Context, pinned *os.File) error { return loopdev.Verify(pinned, loop.Device, loop.Inode) }
	return csi.Device{Path: loop.Path, MinSize: info.Size(), Verify: verify}, inUse(err)
}

// Release implements [csi.Releaser]: it detaches the loop device. One that
// somebody still has open goes when they close it. It works where the pool's disk
// has become read-only: the node must get rid of its volumes then. A device made
// by hand is left alone: loop devices on it are the kubelet's.
func (b *Backend) Release(ctx context.Context, v csi.NodeVolume) error {
	err := b.onNode(ctx, v, os.O_RDONLY, func(_ *entry, f *os.File) error {
		if !regular(f) {
			return nil
		}
		return loopdev.DetachAll(ctx, f)
	})
	if errors.Is(err, csi.ErrNotFound) {
		return nil
	}
	return err
}

// GrowDevice implements [csi.NodeExpander]: the node grows the image as well,
// since no controller can reach it (ruling 33). What a crash cuts short is
// completed by the next call.
func (b *Backend) GrowDevice(ctx context.Context, x csi.Expansion) error {
	return b.onNode(ctx, csi.NodeVolume{ID: x.ID}, os.O_RDWR, func(e *entry, f *os.File) error {
		if e == nil {
			return fmt.Errorf("%w: %s was made by hand and is not grown by the driver", csi.ErrOutOfRange, x.ID)
		}
		if err := b.grow(ctx, e, f, x.Size); err != nil {
			return full(err)
		}
		return inUse(loopdev.Follow(f))
	})
}

// grow sets aside what the entry lacks of the size wanted, durably, and then
// makes the image so large. If there is no room for that, all is as before.
func (b *Backend) grow(ctx context.Context, e *entry, f *os.File, want csi.SizeRange) error {
	before := e.meta
	if e.Size < want.Required {
		size, err := want.Fit(granule, granule, b.o.MaxVolumeSize)
		if err != nil {
			return err
		}
		e.Promised, e.Size = e.Promised+size-e.Size, size
		err = b.locked(ctx, poolLock, namelock.Exclusive, func() error {
			if err := b.fits(size-before.Size, e.Thick); err != nil {
				return err
			}
			return e.save()
		})
		if err != nil {
			return err
		}
	}
	err := image.Resize(f, e.Size, e.Thick)
	if err != nil && e.meta != before {
		e.meta = before
		err = errors.Join(err, e.save())
	}
	return err
}

// Formatted implements [csi.FormatRecorder]. Volumes made by hand have no mark.
func (b *Backend) Formatted(ctx context.Context, v csi.NodeVolume) (formatted bool, err error) {
	err = b.onNode(ctx, v, os.O_RDWR, func(e *entry, _ *os.File) error {
		formatted = e != nil && e.Formatted
		return nil
	})
	return formatted, err
}

// MarkFormatted implements [csi.FormatRecorder].
func (b *Backend) MarkFormatted(ctx context.Context, v csi.NodeVolume) error {
	return b.onNode(ctx, v, os.O_RDWR, func(e *entry, f *os.File) error {
		if e == nil || e.Formatted {
			return nil
		}
		b.refill(e, f)
		e.Formatted = true
		return e.save()
	})
}
