package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deviceNumber is the number of the block device that f is open on.
func deviceNumber(f *os.File) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0, fmt.Errorf("%w: %s is not a block device", ErrWrongDevice, f.Name())
	}
	return st.Rdev, nil
}

// devicePath is the path by which the kernel finds the pinned device: the
// kernel's own name in /dev if that node is this device, since it is what
// operators see as the mount's source, and else the descriptor. The kernel
// keeps name and number of a device reserved while it is open; sameDevice
// proves afterwards that the right one was found.
func devicePath(f *os.File, number uint64) string {
	link, _ := readLink(sysfs(number))
	path := "/dev/" + strings.ReplaceAll(filepath.Base(link), "!", "/") // sysfs has no slash in a name
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == number {
		return path
	}
	return fdPath(int(f.Fd()))
}

func sysfs(number uint64) string { return "/sys/dev/block/" + numberName(number) }

func numberName(number uint64) string {
	return strconv.Itoa(int(unix.Major(number))) + ":" + strconv.Itoa(int(unix.Minor(number)))
}

// idle refuses a device that is mounted or held by a mapping: opening it
// exclusively would fail. It is for kernels that cannot refuse by themselves.
func idle(f *os.File) error {
	fd, err := unix.Open(fdPath(int(f.Fd())), unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return errAlive
	case err != nil:
		return fmt.Errorf("open %s exclusively: %w", f.Name(), err)
	}
	return unix.Close(fd)
}

var errAlive = fmt.Errorf("%w: the file system is mounted somewhere else, perhaps in another mount namespace, or the device is held by a mapping", ErrBusy)

// sameDevice proves that the file system whose root fd is lives on the device
// with this number and on no other one (R3).
func sameDevice(fd int, fsType string, number uint64) error {
	if fsType == "btrfs" {
		return sameBtrfs(fd, number)
	}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st); err != nil {
		return fmt.Errorf("stat the new mount: %w", err)
	}
	if got := unix.Mkdev(st.Dev_major, st.Dev_minor); got != number {
		return fmt.Errorf("%w: the kernel mounted %s instead of %s", ErrWrongDevice, numberName(got), numberName(number))
	}
	return nil
}

// btrfsInfo is struct btrfs_ioctl_fs_info_args of linux/btrfs.h.
type btrfsInfo struct {
	_, devices uint64
	fsid       [16]byte
	_          [992]byte
}

const btrfsInfoIoctl = 0x8400941f // BTRFS_IOC_FS_INFO

// sameBtrfs asks the file system for its id, and sysfs for the devices of the
// file system with that id: the device number of stat is an anonymous one.
func sameBtrfs(fd int, number uint64) error {
	root, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the new mount: %w", err)
	}
	defer unix.Close(root)
	var info btrfsInfo
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(root), btrfsInfoIoctl, uintptr(unsafe.Pointer(&info))); errno != 0 {
		return fmt.Errorf("ask btrfs for its devices: %w", errno)
	}
	id := fmt.Sprintf("%x-%x-%x-%x-%x", info.fsid[:4], info.fsid[4:6], info.fsid[6:8], info.fsid[8:10], info.fsid[10:])
	devices, err := filepath.Glob("/sys/fs/btrfs/" + id + "/devices/*/dev")
	if err != nil || info.devices != 1 || len(devices) != 1 {
		return fmt.Errorf("%w: btrfs %s has %d devices and shows %d in /sys/fs/btrfs; one is required", ErrWrongDevice, id, info.devices, len(devices))
	}
	got, err := os.ReadFile(devices[0])
	if err != nil {
		return fmt.Errorf("ask btrfs for its device: %w", err)
	}
	if s := strings.TrimSpace(string(got)); s != numberName(number) {
		return fmt.Errorf("%w: the kernel mounted %s instead of %s", ErrWrongDevice, s, numberName(number))
	}
	return nil
}
