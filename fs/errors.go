package fs

import "errors"

// The errors of this package wrap one of these, or an error of the operating
// system.
var (
	// ErrBusy says that something holds the device. It passes when the
	// holder, which the message names, lets go.
	ErrBusy = errors.New("device in use")
	// ErrNotEmpty says that Format found something, or could not prove that
	// there is nothing. Nothing was written. It does not pass by itself.
	ErrNotEmpty = errors.New("device is not proven empty")
	// ErrOption says that a file system type, an option or its value is not
	// one that this package makes, or not on a device of this size. There is
	// no data on the device, and a retry does not help.
	ErrOption = errors.New("bad format option")
	// ErrDamaged says that a check found what it must not repair on its own.
	// An administrator has to look at it; the file system must not be mounted.
	ErrDamaged = errors.New("file system is damaged")
	// ErrPassphrase says that an encrypted device does not open with the
	// passphrase. Nothing was changed; it does not pass by itself.
	ErrPassphrase = errors.New("the passphrase does not open the encrypted device")
	// ErrLost says that data in memory could not be written to a device that
	// fails, and that the device was let go nevertheless: the kernel keeps
	// nothing that a retry could write.
	ErrLost = errors.New("data could not be written and is lost")
	// ErrSetReadOnly says that a mapping cannot grow now: it was opened for
	// writing, and is set read-only at present.
	ErrSetReadOnly = errors.New("set read-only")
	// ErrTooSmall says that the device is smaller than what it should hold.
	ErrTooSmall = errors.New("device is smaller than required")
)
