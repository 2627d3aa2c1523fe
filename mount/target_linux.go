package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// MakeDir makes the directory path, to be mounted on. A directory that exists
// already is fine, its content and mode are left alone. Its parent must
// exist: it is the CO's. A symbolic link or anything else is an error.
func MakeDir(path string) error {
	crashpoint.Step("target.mkdir")
	err := unix.Mkdir(filepath.Clean(path), 0o750)
	if errors.Is(err, unix.EEXIST) {
		return expect(path, func(st unix.Statx_t) bool { return isDir(st) }, "a directory")
	}
	if err != nil {
		return &os.PathError{Op: "make directory", Path: path, Err: err}
	}
	return nil
}

// MakeFile makes an empty regular file at path, on which a device node can be
// bound. An empty regular file, and a device node that is bound there already,
// are fine. Nothing that exists is opened: opening with O_TRUNC would go
// through to what is mounted there (R8).
func MakeFile(path string) error {
	crashpoint.Step("target.create")
	fd, err := unix.Open(filepath.Clean(path), unix.O_RDONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o640)
	if errors.Is(err, unix.EEXIST) {
		return expect(path, func(st unix.Statx_t) bool { return isEmptyFile(st) || isMountRoot(st) && !isDir(st) }, "an empty file")
	}
	if err != nil {
		return &os.PathError{Op: "make file", Path: path, Err: err}
	}
	return unix.Close(fd)
}

// Remove removes the mount point path: an empty directory or an empty regular
// file, and nothing else (R8). What does not exist is removed. A path that
// something is mounted on is [ErrMounted].
//
// It must not be used where mounts do not propagate to the other mount
// namespaces that may use path: there the kernel would unmount what is mounted
// in them. See [Kernel.Shared].
func Remove(path string) error {
	path = filepath.Clean(path)
	st, err := statTarget(path, statxOld)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return nil
	case err != nil:
		return &os.PathError{Op: "remove mount point", Path: path, Err: err}
	case isMountRoot(st):
		return fmt.Errorf("remove mount point %s: %w", path, ErrMounted)
	case !isDir(st) && !isEmptyFile(st):
		return fmt.Errorf("remove mount point %s: %s is there, and only an empty directory or file is removed", path, kindOf(st))
	}
	crashpoint.Step("target.remove")
	return removeEmpty(path, isDir(st))
}

func removeEmpty(path string, dir bool) error {
	flags := 0
	if dir {
		flags = unix.AT_REMOVEDIR
	}
	err := unix.Unlinkat(unix.AT_FDCWD, path, flags)
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("remove mount point %s: %w", path, ErrMounted)
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
		return fmt.Errorf("remove mount point %s: it holds %s: %w", path, content(path), err)
	}
	return &os.PathError{Op: "remove mount point", Path: path, Err: err}
}

// content names some entries of a directory for a message.
func content(path string) string {
	d, err := os.Open(path)
	if err != nil {
		return "files"
	}
	defer d.Close()
	entries, _ := d.Readdirnames(4)
	return strings.Join(entries, ", ")
}

// expect accepts what exists at path if it is good.
func expect(path string, good func(unix.Statx_t) bool, want string) error {
	st, err := statTarget(filepath.Clean(path), statxOld)
	if err != nil {
		return &os.PathError{Op: "look at mount point", Path: path, Err: err}
	}
	if !good(st) {
		return fmt.Errorf("make mount point %s: %s is there, and %s is needed", path, kindOf(st), want)
	}
	return nil
}

func isMountRoot(st unix.Statx_t) bool { return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 }
func isDir(st unix.Statx_t) bool       { return st.Mode&unix.S_IFMT == unix.S_IFDIR }
func isEmptyFile(st unix.Statx_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 }

func kindOf(st unix.Statx_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFREG:
		return fmt.Sprintf("a file of %d bytes", st.Size)
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device node"
	}
	return "something else"
}
