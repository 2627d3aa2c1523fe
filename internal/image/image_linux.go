package image

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Reflink makes the empty file dst share all blocks of src as they are at one
// moment (ioctl_ficlone(2)), or returns [ErrNoReflink]. What the kernel caches
// of src is part of it, what it caches of a loop device on src is not.
func Reflink(dst, src *os.File) error {
	crashpoint.Step("image reflink")
	err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EINVAL):
		return ErrNoReflink
	case err != nil:
		return fmt.Errorf("reflink %s: %w", src.Name(), err)
	}
	return nil
}

// Allocated returns how many bytes a file occupies. Blocks that it shares with
// others count.
func Allocated(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }

// Space returns the size of the file system of dir, and what of it is free for
// everyone.
func Space(dir string) (size, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("space of the file system of %s: %w", dir, err)
	}
	return int64(st.Blocks) * st.Frsize, int64(st.Bavail) * st.Frsize, nil
}

// allocate gives a file all its blocks up to size, and changes neither its size
// nor its content.
func allocate(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
}

// Blank reports whether f has never been written: nothing but holes, and blocks
// that were only allocated. A file system that cannot tell makes it false.
func Blank(f *os.File) bool {
	_, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA)
	return errors.Is(err, unix.ENXIO)
}

// nextData returns the first range of data at or after at, or an empty range
// at the end.
func nextData(f *os.File, at, size int64) (start, end int64, err error) {
	start, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err == nil {
		end, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
	}
	return start, end, err
}
