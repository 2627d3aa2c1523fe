// Package freeze stops the writers of a mounted file system for a moment, so
// that the device below it can be copied, and lets them go on whatever happens.
//
// A frozen file system (ioctl FIFREEZE, fsfreeze(8)) stays frozen when the
// process that froze it dies: everything that writes to it then hangs until
// somebody thaws it. [While] thaws when its function returns or panics. If the
// process is killed meanwhile, a child that waits for just that thaws. Where
// the kill takes the child along, as when a container is killed, the caller
// thaws at its next start: [Thaw] of a file system that is not frozen changes
// nothing. See docs/decisions/003.
package freeze

import "errors"

var (
	// ErrCannot says that the file system could not be frozen, and is not.
	ErrCannot = errors.New("cannot freeze the file system")
	// ErrThawed says that the file system was not frozen any more, or never
	// was. What was copied meanwhile must not be used.
	ErrThawed = errors.New("the file system is not frozen")
)
