package fs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Format makes a file system on a device that is proven empty, or repeats a
// format of the same type and UUID that did not end. It is the only function
// here that destroys what is on a device.
//
// It holds the lock meanwhile, probes by itself unless d was probed and proven
// empty under the same lock within the last second, and demands
// [Device.Exclusive] just before mkfs. When it returns nil the file
// system has been flushed, probed and found to be the one asked for.
//
// If the error wraps [ErrOption] or [ErrNotEmpty], no data was written or
// replaced and a retry does not help. After any other error, [ErrBusy] included, and after a
// kill of this process or of mkfs, the same call may be made again; whether it
// formats or only completes what is there is decided by what it finds. If ctx
// ends, mkfs is killed: keep ctx apart from the request that started it.
func (d *Device) Format(ctx context.Context, f Format) error {
	if err := CheckFormat(f); err != nil {
		return fmt.Errorf("format %s: %w", d, err)
	}
	f.UUID = strings.ToLower(f.UUID)
	err := d.withLock(ctx, func() error { return d.format(ctx, f) })
	if err != nil {
		return fmt.Errorf("format %s as %s: %w", d, f.Type, err)
	}
	return nil
}

func (d *Device) format(ctx context.Context, f Format) error {
	before, err := d.probeForFormat(ctx)
	if err != nil {
		return err
	}
	again := before.State == Known && before.InProgress && before.Type == f.Type && before.UUID == f.UUID
	if before.State != Empty && !again {
		return fmt.Errorf("%w: it holds %s; nothing was written", ErrNotEmpty, before)
	}
	size, err := d.Size()
	if err != nil {
		return err
	}
	if err := errors.Join(checkSize(f, size), d.writable()); err != nil {
		return err
	}
	if err := d.Exclusive(); err != nil {
		return err
	}
	if !before.complete {
		if err := d.make(ctx, f, again); err != nil {
			return err
		}
	}
	return d.finish(ctx, f)
}

// make runs mkfs.
func (d *Device) make(ctx context.Context, f Format, again bool) error {
	m, err := d.plan(ctx, f, again)
	if err != nil {
		return err
	}
	if slices.Contains(extTypes, f.Type) {
		if err := d.announce(ctx, f); err != nil {
			return err
		}
	}
	if err := d.Exclusive(); err != nil {
		return err
	}
	crashpoint.Step("fs: " + m.tool)
	r, err := d.run(ctx, m.tool, append(m.args, toolDevice)...)
	if err != nil {
		return err
	}
	if r.ExitCode != 0 {
		err := fmt.Errorf("%s %s: exit status %d: %s", m.tool, strings.Join(m.args, " "), r.ExitCode, clip(append(r.Stderr, r.Stdout...)))
		return errors.Join(d.never(ctx, m, again), err)
	}
	return nil
}

// never is [ErrOption] if mkfs refuses its arguments even where it writes
// nothing: then it never succeeds here. mkfs.xfs would also refuse what it has
// written itself before it failed, and all of them a device that somebody else
// has. mkfs.btrfs has no such mode.
func (d *Device) never(ctx context.Context, m mkfs, again bool) error {
	dry := map[string]string{"mkfs.ext2": "-n", "mkfs.ext3": "-n", "mkfs.ext4": "-n", "mkfs.xfs": "-N"}[m.tool]
	if dry == "" || d.Exclusive() != nil {
		return nil
	}
	if m.tool == "mkfs.xfs" && !again {
		if c, err := d.Probe(ctx); err != nil || c.State != Empty {
			return nil
		}
	}
	r, err := d.run(ctx, m.tool, append(append([]string{dry}, m.args...), toolDevice)...)
	if err != nil || r.ExitCode == 0 {
		return nil
	}
	return fmt.Errorf("%w: it does not fit this device", ErrOption)
}

// plan makes the command for the tool that is installed. It changes nothing.
func (d *Device) plan(ctx context.Context, f Format, again bool) (mkfs, error) {
	switch f.Type {
	case "xfs":
		usage, err := d.run(ctx, "mkfs.xfs") // without a device it explains itself
		return mkfsXFS(f, string(usage.Stdout)+string(usage.Stderr), again), err
	case "btrfs":
		all, err := d.run(ctx, "mkfs.btrfs", "-O", "list-all")
		return mkfsBtrfs(f, string(all.Stdout)+string(all.Stderr), again), err
	}
	m := mkfsExt(f, again)
	_, err := exec.LookPath(m.tool) // it is there, before the intent is written
	return m, err
}

// finish makes what mkfs wrote durable, looks whether it is what was asked for
// and only then removes the intent.
func (d *Device) finish(ctx context.Context, f Format) error {
	crashpoint.Step("fs: flush")
	if err := d.sync(); err != nil {
		return err
	}
	made, err := d.verify(ctx, f)
	if err != nil {
		return err
	}
	if made.complete {
		if err := d.writeFirst("remove the intent to format", make([]byte, intentLength)); err != nil {
			return err
		}
		if made, err = d.verify(ctx, f); err != nil {
			return err
		}
	}
	if made.InProgress {
		return fmt.Errorf("mkfs succeeded but the device holds %s", made)
	}
	return nil
}

// verify probes the device and demands the file system asked for.
func (d *Device) verify(ctx context.Context, f Format) (Content, error) {
	c, err := d.Probe(ctx)
	if err == nil && (c.State != Known || c.Type != f.Type || c.UUID != f.UUID) {
		err = fmt.Errorf("mkfs succeeded but the device holds %s instead of %s %s", c, f.Type, f.UUID)
	}
	return c, err
}
