package fs

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// lockPause is the time between two attempts to lock.
const lockPause = 20 * time.Millisecond

// Lock takes the lock of the device, flock(2) LOCK_EX, and waits for it until
// ctx ends; the error then wraps the cause of ctx. It serialises two processes
// that work on the same device node, such as an old and a new plugin pod, and
// keeps systemd-udevd from probing meanwhile. A second Lock of the same d is
// nothing; the lock goes with [Device.Unlock] or with d.
//
// Children that were given the file share the lock, so it outlives a killed
// plugin for as long as its mkfs runs. It does not hold across two device
// nodes that are not the same inode, such as those of two containers with a
// /dev of their own.
//
// It polls. flock can only be waited for in a thread that nothing but a signal
// takes back, which a Go program cannot send; and open file description locks,
// which are no better there, do not exist for block devices.
func (d *Device) Lock(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	ticker := time.NewTicker(lockPause)
	defer ticker.Stop()
	for !d.locked {
		err := unix.Flock(int(d.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch err {
		case nil:
			d.locked = true
			return nil
		case unix.EINTR:
			continue
		case unix.EWOULDBLOCK:
		default:
			return fmt.Errorf("lock %s: %w", d, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s, which another process works on: %w", d, context.Cause(ctx))
		case <-ticker.C:
		}
	}
	return nil
}

// Unlock gives the lock back. It is nothing if d does not hold it.
func (d *Device) Unlock() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.locked {
		return nil
	}
	if err := unix.Flock(int(d.file.Fd()), unix.LOCK_UN); err != nil {
		return fmt.Errorf("unlock %s: %w", d, err)
	}
	d.locked, d.proof = false, proof{}
	return nil
}

// withLock runs f under the lock and leaves the lock as it was.
func (d *Device) withLock(ctx context.Context, f func() error) error {
	d.mu.Lock()
	held := d.locked
	d.mu.Unlock()
	if err := d.Lock(ctx); err != nil {
		return err
	}
	err := f()
	if !held {
		if unlock := d.Unlock(); err == nil {
			err = unlock
		}
	}
	return err
}
