package loopdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrForeign says that a file is attached in a way that its owner did not make:
// twice, or a part of it.
var ErrForeign = errors.New("attached by somebody else")

// Of returns the one device that is bound to the whole of an open file, or nil
// if it is not attached. [ErrForeign] is returned if there are several, which do
// not know of each other's writes, or if it shows a part of the file.
func Of(backing *os.File) (*Info, error) {
	found, err := Find(backing)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 || found[0].Offset+found[0].SizeLimit > 0 {
		return nil, fmt.Errorf("%s is %w: %+v (detach these devices with losetup -d)", backing.Name(), ErrForeign, found)
	}
	return &found[0], nil
}

// Verify returns an error unless the open device is bound to the whole of the
// file with these device and inode numbers.
func Verify(device *os.File, dev, ino uint64) error {
	have, err := Status(device)
	if err != nil {
		return err
	}
	if have.Device != dev || have.Inode != ino || have.Offset+have.SizeLimit > 0 {
		return fmt.Errorf("%s is bound to inode %d of device %d from offset %d (limit %d), not to all of inode %d of device %d",
			device.Name(), have.Inode, have.Device, have.Offset, have.SizeLimit, ino, dev)
	}
	return nil
}

// Open opens the device of info for reading; the caller closes it. The
// error wraps [ErrUnbound] if it is not bound to that file any more: its number
// may belong to somebody else's file by now.
func Open(info Info) (*os.File, error) {
	device, err := os.Open(info.Path)
	if err != nil {
		return nil, err
	}
	now, err := Status(device)
	if err == nil && (now.Device != info.Device || now.Inode != info.Inode) {
		err = fmt.Errorf("%s: %w, but to another one", info.Path, ErrUnbound)
	}
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}
	return device, nil
}

// DetachBound detaches the device of info, see [Detach]. One that is not bound to
// that file any more is done, and left alone.
func DetachBound(info Info) error {
	device, err := Open(info)
	if errors.Is(err, ErrUnbound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(Detach(device), device.Close())
}

// DetachAll detaches every device of a file, see [Detach], and waits a moment
// for those to go that nobody uses.
func DetachAll(ctx context.Context, backing *os.File) error {
	dev, ino, err := Identity(backing)
	if err != nil {
		return err
	}
	err = eachOf(backing, func(info Info) error {
		if info.Device != dev || info.Inode != ino {
			return nil
		}
		return DetachBound(info)
	})
	if err == nil {
		_, err = Unused(ctx, backing)
	}
	return err
}

// Ensure attaches a file if it is not attached, and says where. A device that is
// being detached is kept ([Keep]), and the device gets the size of the file. The
// caller holds a lock as rule 4 of the package says.
func Ensure(ctx context.Context, backing *os.File) (Info, error) {
	have, err := Of(backing)
	if err != nil {
		return Info{}, err
	}
	if have == nil {
		device, err := Attach(ctx, backing, Options{})
		if err != nil {
			return Info{}, err
		}
		info, err := Status(device)
		return info, errors.Join(err, device.Close())
	}
	device, err := Open(*have) // else Keep could be of another file's device
	if err != nil {
		return Info{}, err
	}
	for _, step := range []func() error{
		func() error { return Keep(device) },
		func() error { return Verify(device, have.Device, have.Inode) },
		func() error { return SetCapacity(device) },
	} {
		if err := step(); err != nil {
			return Info{}, errors.Join(err, device.Close())
		}
	}
	return *have, device.Close()
}

// Follow gives the device of a file, if it has one, the size of the file.
func Follow(backing *os.File) error {
	have, err := Of(backing)
	if err != nil || have == nil {
		return err
	}
	device, err := os.Open(have.Path)
	if err != nil {
		return err
	}
	err = Verify(device, have.Device, have.Inode)
	if err == nil {
		err = SetCapacity(device)
	}
	return errors.Join(err, device.Close())
}

// Unused reports whether no device is bound to a file. Devices that are being
// detached get two seconds, or until ctx ends: every process that looks for
// its own devices holds each of them for an instant.
func Unused(ctx context.Context, backing *os.File) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		found, err := Find(backing)
		if err != nil || len(found) == 0 {
			return err == nil, err
		}
		if !found[0].Autoclear {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(2 * time.Millisecond):
		}
	}
}
