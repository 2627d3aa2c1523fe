package fs

import (
	"context"
	"fmt"
	"slices"

	"github.com/csikit/csikit/internal/crashpoint"
)

// GrowOffline grows an unmounted ext2, ext3 or ext4 file system to the size of
// the device, if it is smaller. c is what a probe of d found just before. The
// other types only grow when mounted: for them it is nothing.
//
// It is for nodes where [Grow] is not permitted, and takes as long as a full
// e2fsck, which resize2fs demands. The errors are those of [Device.Check].
// ctx stops e2fsck. resize2fs is not stopped: killed, it leaves a file system
// that needs a repair by hand.
func (d *Device) GrowOffline(ctx context.Context, c Content) (growth Growth, err error) {
	growth = Growth{Before: c.Size, After: c.Size}
	if c.State != Known || !slices.Contains(extTypes, c.Type) || c.InProgress {
		return growth, nil
	}
	size, err := d.Size()
	if err != nil {
		return growth, err
	}
	if !c.NeedsCheck && c.geometry.block > 0 && c.geometry.fills(size) {
		return growth, nil // as the probe has just read; a check could have changed it
	}
	err = d.withLock(ctx, func() (err error) {
		growth, err = d.growOffline(ctx)
		return err
	})
	if err != nil {
		return growth, fmt.Errorf("grow the %s on %s before it is mounted: %w", c.Type, d, err)
	}
	return growth, nil
}

func (d *Device) growOffline(ctx context.Context) (Growth, error) {
	size, err := d.Size()
	if err != nil {
		return Growth{}, err
	}
	if err := dropCache(d.file); err != nil {
		return Growth{}, fmt.Errorf("drop the page cache: %w", err)
	}
	before, err := d.extSuper()
	if err != nil {
		return Growth{}, err
	}
	unchanged := Growth{Before: before.size(), After: before.size()}
	if before.geometry().fills(size) {
		return unchanged, nil
	}
	if err := d.fsck(ctx, "-f", "-p"); err != nil {
		return unchanged, err
	}
	crashpoint.Step("fs: resize2fs")
	r, err := d.run(context.WithoutCancel(ctx), "resize2fs", toolDevice)
	if err == nil && r.ExitCode != 0 {
		err = fmt.Errorf("resize2fs: exit status %d: %s", r.ExitCode, clip(append(r.Stderr, r.Stdout...)))
	}
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		return unchanged, err
	}
	after, err := d.extSuper()
	if err != nil {
		return unchanged, err
	}
	return result(before.geometry(), after.geometry(), size)
}
