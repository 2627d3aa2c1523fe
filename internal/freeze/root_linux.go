package freeze

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
)

// Root opens the root directory of a mount of the file system on the block
// device at path, or returns nil if this mount namespace has none. A file system
// that is mounted but hidden below other mounts is [ErrCannot].
func Root(path string) (*os.File, error) {
	var device unix.Stat_t
	if err := unix.Stat(path, &device); err != nil {
		return nil, fmt.Errorf("find the mount of %s: %w", path, err)
	}
	major, minor := unix.Major(device.Rdev), unix.Minor(device.Rdev)
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		// btrfs has a device number of its own, but names its device.
		return !(m.Major == int(major) && m.Minor == int(minor) || m.Source == path), false
	})
	if err != nil {
		return nil, fmt.Errorf("find the mount of %s: %w", path, err)
	}
	var hidden error
	for _, m := range mounts {
		root, err := openMount(m)
		if err == nil {
			return root, nil
		}
		hidden = errors.Join(hidden, fmt.Errorf("%w of %s: %w", ErrCannot, path, err))
	}
	return nil, hidden
}

// Image returns the loop device of an open image file, and the open root of the
// file system that is mounted from it; each is nil if there is none. The error
// wraps [loopdev.ErrForeign] or [ErrCannot] where the image is used in a way
// that cannot be handled.
func Image(f *os.File) (*loopdev.Info, *os.File, error) {
	device, err := loopdev.Of(f)
	if err != nil || device == nil {
		return nil, nil, err
	}
	root, err := Root(device.Path)
	return device, root, err
}

// ThawImage thaws the file system that is mounted from an image file. An image
// that does not exist, is not mounted or is not frozen is done.
func ThawImage(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return ignore(err, os.ErrNotExist)
	}
	defer func() { _ = f.Close() }()
	_, root, err := Image(f)
	if err != nil || root == nil {
		return err
	}
	return errors.Join(ignore(Thaw(root), ErrThawed), root.Close())
}

func ignore(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// openMount opens the mount point of m, and makes sure that it is m which is
// seen there.
func openMount(m *mountinfo.Info) (*os.File, error) {
	f, err := os.OpenFile(m.Mountpoint, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Statx_t
	err = unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st)
	if err == nil && st.Mnt_id == uint64(m.ID) {
		return f, nil
	}
	return nil, errors.Join(fmt.Errorf("%s is hidden below another mount", m.Mountpoint), err, f.Close())
}

// Flush writes to a device what the kernel caches of it and of the file system
// mounted at root, which may be nil.
func Flush(device string, root *os.File) error {
	if root != nil {
		if err := unix.Syncfs(int(root.Fd())); err != nil {
			return fmt.Errorf("sync %s: %w", root.Name(), err)
		}
	}
	f, err := os.Open(device)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
