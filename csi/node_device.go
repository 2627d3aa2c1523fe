package csi

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strconv"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// errDeviceGone says that a recorded device does not exist any more: there is
// nothing left that could be written to it.
var errDeviceGone = errors.New("the device is gone")

// recordDevice writes down what finds the device again in this boot.
func recordDevice(device *fs.Device, spec Device) *recordedDevice {
	return &recordedDevice{Number: device.Number(), Path: spec.Path, Sequence: sequence(device), Sysfs: spec.Sysfs, Fenced: spec.Fenced}
}

// sequence is the device's diskseq as it is written down, "" if it has none.
func sequence(device *fs.Device) string {
	if device.DiskSeq() == 0 {
		return ""
	}
	return strconv.FormatUint(device.DiskSeq(), 10)
}

// is reports whether both are the same device of this boot.
func (r *recordedDevice) is(other *recordedDevice) bool {
	return r != nil && r.Number == other.Number && r.Sequence == other.Sequence
}

// deviceOf returns the number of the block device below a mount, or that of a
// device node that is bound; an anonymous number if there is none. btrfs has an
// anonymous number, but its source is its device.
func deviceOf(i mount.Info) uint64 {
	switch {
	case i.Rdev != 0:
		return i.Rdev
	case !anonymous(i.Device):
		return i.Device
	}
	device, err := fs.Open(i.Source)
	if err != nil {
		return i.Device
	}
	defer func() { _ = device.Close() }()
	return device.Number()
}

// open opens the device by its number. A path is only a way to get at a node
// of that number. It returns [errDeviceGone] if the kernel knows no such
// device, or another one by now.
func (r *recordedDevice) open() (*fs.Device, error) {
	device, err := r.openAt(r.Path)
	if err == nil || errors.Is(err, errDeviceGone) {
		return device, err
	}
	name, nameErr := sysfsName(r.Number)
	if errors.Is(nameErr, iofs.ErrNotExist) {
		return nil, errDeviceGone
	}
	if nameErr != nil {
		return nil, nameErr
	}
	// Its number may be that of a disk that cannot be opened.
	if sequence, err := sysfs(r.Number, "diskseq"); err == nil && r.Sequence != "" && sequence != r.Sequence {
		return nil, errDeviceGone
	}
	if device, err = r.openAt("/dev/" + name); err != nil && !errors.Is(err, errDeviceGone) {
		err = fmt.Errorf("open block device %s: %w", majorMinor(r.Number), err)
	}
	return device, err
}

// openAt opens the device by a path that may be of another one by now.
func (r *recordedDevice) openAt(path string) (*fs.Device, error) {
	device, err := fs.Open(path)
	switch {
	case err != nil:
		return nil, err
	case device.Number() != r.Number:
		return nil, errors.Join(fmt.Errorf("%s is now device %s", path, majorMinor(device.Number())), device.Close())
	case r.Sequence != "" && sequence(device) != "" && sequence(device) != r.Sequence:
		return nil, errors.Join(errDeviceGone, device.Close())
	}
	return device, nil
}

// proven is an error unless the device is known to be the one that was recorded:
// by its diskseq, or, where the kernel has none (before Linux 5.15), by what the
// backend has promised of it.
func (r *recordedDevice) proven(id string, device *fs.Device) error {
	if r.Sequence != "" && sequence(device) == r.Sequence {
		return nil
	}
	if len(r.Sysfs) == 0 {
		return errors.New("its number may have been given to another disk since: the kernel does not number disks, and the backend has promised no sysfs attribute")
	}
	return proveSysfs(id, device, r.Sysfs)
}
