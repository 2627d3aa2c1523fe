package fs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/rawfile"
)

// A grower measures and grows a mounted file system through the root of its
// mount. size is that of the device in bytes.
type grower interface {
	measure() (geometry, error)
	grow(size int64) error
}

// Grow grows the ext2, ext3, ext4, xfs or btrfs file system mounted at
// mountpoint to the size of d (R13), if it is smaller, and measures it again.
// Calling it again is nothing.
//
// mountpoint must be the root of a writable mount of d: anything else is an
// error, since a path inside another file system would grow that one. A growth
// of ext4 without CAP_SYS_RESOURCE is an error that wraps [os.ErrPermission];
// [Device.GrowOffline] does it before the next mount.
//
// ctx is looked at before; the growth itself, which the kernel does, cannot be
// stopped. An interrupted one may be repeated.
func Grow(ctx context.Context, mountpoint string, d *Device) (Growth, error) {
	growth, err := grow(ctx, mountpoint, d)
	if err != nil {
		return growth, fmt.Errorf("grow the file system at %s on %s: %w", mountpoint, d, err)
	}
	return growth, nil
}

func grow(ctx context.Context, mountpoint string, d *Device) (Growth, error) {
	if err := context.Cause(ctx); err != nil {
		return Growth{}, err
	}
	root, err := rawfile.Open(mountpoint, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Growth{}, err
	}
	defer func() { _ = root.Close() }()
	g, err := growerOf(root, d)
	if err != nil {
		return Growth{}, err
	}
	size, err := d.Size()
	if err != nil {
		return Growth{}, err
	}
	return growWith(g, size)
}

// growWith grows and measures.
func growWith(g grower, size int64) (Growth, error) {
	before, err := g.measure()
	if err != nil {
		return Growth{}, err
	}
	if before.size > size {
		return Growth{Before: before.size, After: before.size},
			fmt.Errorf("%w: the file system has %d bytes, the device %d", ErrTooSmall, before.size, size)
	}
	if !before.wants(size) {
		return Growth{Before: before.size, After: before.size}, nil
	}
	crashpoint.Step("fs: grow online")
	if err := g.grow(size); err != nil {
		unchanged := Growth{Before: before.size, After: before.size}
		if before.fills(size) && errors.Is(err, os.ErrPermission) {
			return unchanged, nil // what is missing may be what the file system cannot use
		}
		return unchanged, err
	}
	after, err := g.measure()
	if err != nil {
		return Growth{Before: before.size, After: before.size}, err
	}
	return result(before, after, size)
}

// growerOf proves that root is the root of a writable mount of d and returns
// what grows it.
func growerOf(root *os.File, d *Device) (grower, error) {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(root.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("statfs: %w", err)
	}
	kind := int64(stat.Type)
	var number uint64
	if err := mountRoot(root, &number); err != nil {
		return nil, err
	}
	var g grower
	switch kind {
	case unix.EXT4_SUPER_MAGIC:
		g = extGrower{root, d}
	case unix.XFS_SUPER_MAGIC:
		g = xfsGrower{root}
	case unix.BTRFS_SUPER_MAGIC:
		b, err := newBtrfsGrower(root)
		if err != nil {
			return nil, err
		}
		g, number = b, b.number // st_dev of btrfs is no device
	default:
		return nil, fmt.Errorf("file systems of type %#x are not grown here: %w", kind, errors.ErrUnsupported)
	}
	if number != d.number {
		return nil, fmt.Errorf("it is on device %s", numberText(number))
	}
	if stat.Flags&unix.ST_RDONLY != 0 {
		return nil, fmt.Errorf("it is mounted read-only, and only a writable mount can grow: %w", unix.EROFS)
	}
	return g, nil
}

// mountRoot demands that f is the root of a mount, and says of which device.
func mountRoot(f *os.File, number *uint64) error {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st)
	if err != nil {
		return fmt.Errorf("statx: %w", err)
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return fmt.Errorf("the kernel does not say what is the root of a mount (Linux 5.8 does): %w", errors.ErrUnsupported)
	}
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return errors.New("it is not the root of a mount")
	}
	*number = unix.Mkdev(st.Dev_major, st.Dev_minor)
	return nil
}
