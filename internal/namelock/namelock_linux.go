package namelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks the byte at offset, see the package.
func lock(f *os.File, offset int64, m Mode) error {
	if m == Shared {
		return lockUnless(f, unix.Flock_t{Type: unix.F_RDLCK, Start: offset, Len: 1}, offset+1)
	}
	err := setLock(f, unix.Flock_t{Type: unix.F_WRLCK, Start: offset, Len: 1})
	if errors.Is(err, unix.EBADF) { // open for reading only
		return lockUnless(f, unix.Flock_t{Type: unix.F_RDLCK, Start: offset, Len: 2}, offset)
	}
	return err
}

func unlock(f *os.File, offset int64) error {
	return setLock(f, unix.Flock_t{Type: unix.F_UNLCK, Start: offset, Len: 2})
}

// lockUnless takes a lock unless somebody else has one of the byte at other.
func lockUnless(f *os.File, l unix.Flock_t, other int64) error {
	if err := setLock(f, l); err != nil {
		return err
	}
	seen := unix.Flock_t{Type: unix.F_WRLCK, Start: other, Len: 1} // what nobody could hold beside another lock
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &seen)
	if err == nil && seen.Type != unix.F_UNLCK {
		err = ErrLocked
	}
	if err != nil {
		return errors.Join(err, unlock(f, l.Start))
	}
	return nil
}

func setLock(f *os.File, l unix.Flock_t) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return err
}
