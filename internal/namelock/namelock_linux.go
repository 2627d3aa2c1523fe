package namelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func lockByte(f *os.File, offset int64, m Mode) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: offset, Len: 1}
	if m == Shared {
		lock.Type = unix.F_RDLCK
	}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}
