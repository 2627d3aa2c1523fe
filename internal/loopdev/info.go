package loopdev

import "errors"

// ErrUnbound says that a loop device has no backing file (any more).
var ErrUnbound = errors.New("loop device is not bound to a file")

// Options are how a file is attached. The zero value is a writable device of
// the whole file.
type Options struct {
	// ReadOnly attaches so that nothing can be written.
	ReadOnly bool
	// Autoclear detaches the device when nothing has it open any more.
	Autoclear bool
}

// Info is what the kernel says about a bound loop device.
type Info struct {
	// Path is the device's node, such as /dev/loop3.
	Path string
	// Number is the N of /dev/loopN.
	Number uint32
	// Device and Inode identify the backing file, as stat(2) does.
	Device, Inode uint64
	// BackingDevice is the number of the block device that is the backing
	// file, encoded as st_rdev, or 0 if the backing file is a regular one.
	BackingDevice uint64
	// Offset is where in the backing file the device begins, in bytes, and
	// SizeLimit where it ends at most, 0 being the end of the file.
	Offset, SizeLimit uint64
	// ReadOnly, Autoclear and DirectIO are the device's flags.
	ReadOnly, Autoclear, DirectIO bool
}
