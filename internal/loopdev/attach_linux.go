package loopdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// sectorSize is the logical block size of every device, also where the pool's
// disk has larger sectors: a file system must find the sectors that it was made
// with wherever its image goes. The price is that such disks get no direct I/O.
const sectorSize = 512

// Attach binds a free loop device to the whole of backing and returns it open.
// It uses direct I/O, so that data is cached once, where backing's file system
// allows it, else the page cache. The caller may close backing, and must close
// the device; see [Detach] for its end. backing must be open for writing unless
// o.ReadOnly is set. An error leaves nothing attached. Rule 4 of the package
// says how not to attach a file twice.
func Attach(ctx context.Context, backing *os.File, o Options) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w (is the kernel module loop loaded, and is /dev that of the host?)", backing.Name(), err)
	}
	defer func() { _ = control.Close() }()
	for ctx.Err() == nil {
		device, err := attachFree(control, backing, o)
		if !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENXIO) && !errors.Is(err, fs.ErrNotExist) {
			return device, err
		}
		// Another process has taken or removed this device: take the next.
	}
	return nil, fmt.Errorf("attach %s: %w", backing.Name(), context.Cause(ctx))
}

// attachFree makes one attempt with the device that the kernel says is free.
func attachFree(control, backing *os.File, o Options) (*os.File, error) {
	crashpoint.Step("loop get free")
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("attach %s: get a free loop device: %w", backing.Name(), err)
	}
	device, err := open(fmt.Sprintf("loop%d", number), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", backing.Name(), err)
	}
	crashpoint.Step("loop configure")
	if err := configure(device, backing, o); err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s to %s: %w", backing.Name(), device.Name(), err), device.Close())
	}
	if o.ReadOnly {
		return device, nil
	}
	if err := allowWrites(device); err != nil {
		return nil, errors.Join(err, Detach(device), device.Close())
	}
	return device, nil
}

// allowWrites takes back a BLKROSET that an earlier user of the same device
// left: the kernel keeps that mark while the device is bound to nothing, and
// for the next file.
func allowWrites(device *os.File) error {
	crashpoint.Step("loop allow writes")
	if err := unix.IoctlSetPointerInt(int(device.Fd()), unix.BLKROSET, 0); err != nil {
		return fmt.Errorf("make %s writable: %w", device.Name(), err)
	}
	return nil
}

// configure binds device to backing, with direct I/O if it is possible. Kernels
// differ in whether they ignore or refuse the flag where it is not.
func configure(device, backing *os.File, o Options) error {
	config := unix.LoopConfig{Fd: uint32(backing.Fd()), Size: sectorSize}
	config.Info.Flags = unix.LO_FLAGS_DIRECT_IO
	copy(config.Info.File_name[:len(config.Info.File_name)-1], backing.Name())
	if o.ReadOnly {
		config.Info.Flags |= unix.LO_FLAGS_READ_ONLY
	}
	if o.Autoclear {
		config.Info.Flags |= unix.LO_FLAGS_AUTOCLEAR
	}
	err := unix.IoctlLoopConfigure(int(device.Fd()), &config)
	if errors.Is(err, unix.EINVAL) {
		config.Info.Flags &^= unix.LO_FLAGS_DIRECT_IO
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
	}
	return err
}

// SetCapacity gives an open device the present size of its backing file.
func SetCapacity(device *os.File) error {
	crashpoint.Step("loop set capacity")
	if err := unix.IoctlSetInt(int(device.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("set the capacity of %s to the size of its file: %w", device.Name(), err)
	}
	return nil
}

// Keep takes back a [Detach] that waits for the last user, or autoclear: the
// open device stays bound when it is closed.
func Keep(device *os.File) error {
	s, err := status(device)
	if err != nil || s.Flags&unix.LO_FLAGS_AUTOCLEAR == 0 {
		return err
	}
	crashpoint.Step("loop keep")
	s.Flags &^= unix.LO_FLAGS_AUTOCLEAR
	if err := unix.IoctlLoopSetStatus64(int(device.Fd()), s); err != nil {
		return fmt.Errorf("keep %s attached: %w", device.Name(), err)
	}
	return nil
}

// Detach unbinds an open device when the last one who has it open closes it;
// the caller's own close is part of that. A mounted file system goes on
// undisturbed until it is unmounted. A device that is not bound is done.
func Detach(device *os.File) error {
	crashpoint.Step("loop clear")
	err := unix.IoctlSetInt(int(device.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("detach %s: %w", device.Name(), err)
	}
	return nil
}
