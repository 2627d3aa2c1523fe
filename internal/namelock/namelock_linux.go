package namelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func lockByte(f *os.File, offset int64, m Mode) error {
	kind := int16(unix.F_WRLCK)
	if m == Shared {
		kind = unix.F_RDLCK
	}
	err := setLock(f, offset, kind)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}

func unlockByte(f *os.File, offset int64) error { return setLock(f, offset, unix.F_UNLCK) }

func setLock(f *os.File, offset int64, kind int16) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: offset, Len: 1})
}
