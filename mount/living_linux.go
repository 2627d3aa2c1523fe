package mount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var errOtherwise = fmt.Errorf("%w: the file system that is alive is read-only, and is to be written, or the other way round", ErrBusy)

// alike gives the kernel's refusal to share a file system its meaning: sget_fc()
// compares nothing but whether it is read-only.
func alike(err error) error {
	if errors.Is(err, unix.EBUSY) {
		return errOtherwise
	}
	return err
}

// proveLiving proves that the file system of a mount that does not show yet is
// the one that the caller means, and that it can be written if it is to be. What
// was made read-only by an error stays so.
func (m Mount) proveLiving(fd int) error {
	if err := m.Living(); err != nil {
		return err
	}
	var root unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &root); err != nil {
		return fmt.Errorf("%w: the file system that is alive has shut itself down (%w): look at dmesg", ErrBusy, err)
	}
	if m.ReadOnly {
		return nil // so is this mount, and that hides how the file system is
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return fmt.Errorf("can the file system that is alive be written: %w", err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return errOtherwise
	}
	return nil
}
