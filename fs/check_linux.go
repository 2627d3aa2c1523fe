package fs

import (
	"context"
	"fmt"
	"slices"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Check makes a file system fit to be mounted (R11), or says why it is not. c
// is what a probe of d found just before.
//
// ext2, ext3 and ext4 are repaired by e2fsck -p, but only if c.NeedsCheck: a
// clean file system costs nothing. One that was not unmounted costs the replay
// of its journal, which is not left to the kernel: ext4 reads its superblock
// before it replays, so that after a crash during a growth it would mount a file
// system whose size it has wrong, and on which every write fails (seen on Linux
// 6.1). xfs and btrfs are never checked here; the kernel does it.
//
// The error wraps [ErrDamaged], with e2fsck's words, if a human has to decide;
// then do not mount. It wraps [ErrBusy] if the device is in use. If ctx ends
// e2fsck is killed and the check may be repeated.
func (d *Device) Check(ctx context.Context, c Content) error {
	if c.State != Known || !slices.Contains(extTypes, c.Type) || !c.NeedsCheck {
		return nil
	}
	return d.withLock(ctx, func() error { return d.fsck(ctx, "-p") })
}

// fsck runs e2fsck, a second time if it asks for that.
func (d *Device) fsck(ctx context.Context, args ...string) error {
	if err := d.Exclusive(); err != nil {
		return err
	}
	for again := true; ; {
		crashpoint.Step("fs: e2fsck")
		r, err := d.run(ctx, "e2fsck", append(args, toolDevice)...)
		if err != nil {
			return err
		}
		retry, err := judgeFsck(r.ExitCode)
		if err == nil {
			return d.sync()
		}
		if !retry || !again {
			return fmt.Errorf("check %s: %w: %s; run e2fsck on it by hand", d, err, clip(append(r.Stdout, r.Stderr...)))
		}
		again = false
	}
}
