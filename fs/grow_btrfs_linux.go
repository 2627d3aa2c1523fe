package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// btrfsGrower grows a btrfs of one device by BTRFS_IOC_RESIZE. The structures
// are those of include/uapi/linux/btrfs.h.
type btrfsGrower struct {
	root   *os.File
	devID  uint64
	number uint64 // of the device, as the kernel has it open
	sector int64
}

const btrfsIoctl = 0x94

// btrfsInfo is struct btrfs_ioctl_fs_info_args, 1024 bytes.
type btrfsInfo struct {
	maxID, devices uint64
	fsid           uuid.UUID
	nodeSize       uint32
	sectorSize     uint32
	rest           [984]byte
}

// btrfsDevice is struct btrfs_ioctl_dev_info_args, 4096 bytes.
type btrfsDevice struct {
	devID       uint64
	uuid        uuid.UUID
	used, total uint64
	rest        [4056]byte
}

// btrfsResize is struct btrfs_ioctl_vol_args, 4096 bytes.
type btrfsResize struct {
	fd   int64
	name [4088]byte
}

// newBtrfsGrower finds the one device of a mounted btrfs.
func newBtrfsGrower(root *os.File) (btrfsGrower, error) {
	var info btrfsInfo
	if err := ioctl(root, ioc(iocRead, btrfsIoctl, 31, unsafe.Sizeof(info)), unsafe.Pointer(&info)); err != nil {
		return btrfsGrower{}, fmt.Errorf("BTRFS_IOC_FS_INFO: %w", err)
	}
	if info.devices != 1 {
		return btrfsGrower{}, fmt.Errorf("a btrfs of %d devices is not grown here: %w", info.devices, errors.ErrUnsupported)
	}
	number, err := btrfsDeviceNumber(info.fsid)
	return btrfsGrower{root: root, devID: info.maxID, number: number, sector: int64(info.sectorSize)}, err
}

// btrfsDeviceNumber asks sysfs. The path that BTRFS_IOC_DEV_INFO tells is the
// one that was mounted, and may mean another device now.
func btrfsDeviceNumber(fsid uuid.UUID) (uint64, error) {
	attributes, err := filepath.Glob("/sys/fs/btrfs/" + fsid.String() + "/devices/*/dev")
	if err != nil || len(attributes) != 1 {
		return 0, fmt.Errorf("/sys/fs/btrfs/%s has %d devices, want 1: %w", fsid, len(attributes), errors.Join(err, os.ErrNotExist))
	}
	text, err := os.ReadFile(attributes[0])
	if err != nil {
		return 0, err
	}
	var major, minor uint32
	if _, err := fmt.Sscanf(strings.TrimSpace(string(text)), "%d:%d", &major, &minor); err != nil {
		return 0, fmt.Errorf("%s: %q: %w", attributes[0], text, err)
	}
	return unix.Mkdev(major, minor), nil
}

func (g btrfsGrower) measure() (geometry, error) {
	d := btrfsDevice{devID: g.devID}
	if err := ioctl(g.root, ioc(iocRead|iocWrite, btrfsIoctl, 30, unsafe.Sizeof(d)), unsafe.Pointer(&d)); err != nil {
		return geometry{}, fmt.Errorf("BTRFS_IOC_DEV_INFO of device %d: %w", g.devID, err)
	}
	return geometry{size: int64(d.total), block: g.sector}, nil
}

// grow lets the kernel take the size from the device.
func (g btrfsGrower) grow(size int64) error {
	if size < btrfsLeast {
		return fmt.Errorf("%w: the kernel grows a btrfs to %d bytes or more, the device has %d", ErrTooSmall, btrfsLeast, size)
	}
	var args btrfsResize
	copy(args.name[:], fmt.Sprintf("%d:max", g.devID))
	return resizeAnswer(ioctlResult(g.root, ioc(iocWrite, btrfsIoctl, 3, unsafe.Sizeof(args)), unsafe.Pointer(&args)))
}

// resizeAnswer judges what the kernel answers. A positive number says that
// another exclusive operation, such as a balance, is running.
func resizeAnswer(running int, err error) error {
	if err == nil && running != 0 {
		err = fmt.Errorf("%w: another operation runs on it (%d); try again when it has ended", ErrBusy, running)
	}
	if err != nil {
		return fmt.Errorf("BTRFS_IOC_RESIZE: %w", err)
	}
	return nil
}
