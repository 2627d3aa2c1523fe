package fs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/rawfile"
)

// Device is an open block device; it stays the same one until Close.
//
// Its methods may be called from several goroutines, but only one of them
// should change the device: see [Device.Lock].
type Device struct {
	file    *os.File
	name    string // the path given to Open, for messages
	number  uint64
	diskSeq uint64 // of the kernel, 0 if it has none
	mu      sync.Mutex
	locked  bool
	proof   proof // good while locked
}

// Open pins the block device at path (R2): from now on this one file is the
// device, whatever path comes to mean. Symbolic links are followed. It is
// opened for reading; what writes opens it anew, see [Device.Path].
//
// The error wraps that of the operating system: [os.ErrNotExist] if there is
// nothing, ENXIO if the node has no driver or disk behind it, ENOTBLK if it is
// not a block device. A device may appear or come back: the caller may retry.
func Open(path string) (*Device, error) {
	// O_PATH first: opening a FIFO would wait, opening a tape rewinds it.
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open block device", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	number, err := blockNumber(fd)
	if err != nil {
		return nil, &os.PathError{Op: "open block device", Path: path, Err: err}
	}
	file, err := rawfile.Open(procPath(fd), os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open block device %s (%s): %w", path, numberText(number), errors.Unwrap(err))
	}
	d := &Device{file: file, name: path, number: number}
	d.diskSeq = diskSeq(file)
	return d, nil
}

// Close lets go of the device, and of its lock if it is held.
func (d *Device) Close() error { return d.file.Close() }

// File is the open file, for ioctls and for programs that inherit it. Do not
// close it, and do not change its flags.
func (d *Device) File() *os.File { return d.file }

// Path is a path of the device that cannot come to mean another one as long
// as d is open: /proc/self/fd/N. It is good in this process only; a child gets
// [Device.File] as a descriptor of its own.
func (d *Device) Path() string { return procPath(int(d.file.Fd())) }

// Number is the device number, encoded as st_rdev in stat(2).
func (d *Device) Number() uint64 { return d.number }

// DiskSeq is a number that the kernel never gives to a second disk until it
// reboots; a partition has that of its disk. It is 0 before Linux 5.15.
func (d *Device) DiskSeq() uint64 { return d.diskSeq }

// String names the device for messages, by the path it was opened with and
// its number.
func (d *Device) String() string { return d.name + " (" + numberText(d.number) + ")" }

// Size is the device's size in bytes at this moment. A device without a disk,
// such as a loop device without a file, has size 0.
func (d *Device) Size() (int64, error) {
	var size uint64
	if err := ioctl(d.file, unix.BLKGETSIZE64, unsafe.Pointer(&size)); err != nil {
		return 0, fmt.Errorf("size of %s: %w", d, err)
	}
	return int64(size), nil
}

// SetReadOnly makes the kernel refuse all writes to the device, or allow them
// again (BLKROSET). It does not change mounts that exist. It needs
// CAP_SYS_ADMIN and ends with the device, not with d.
func (d *Device) SetReadOnly(readOnly bool) error {
	var flag int32
	if readOnly {
		flag = 1
	}
	crashpoint.Step("fs: set read-only")
	if err := ioctl(d.file, unix.BLKROSET, unsafe.Pointer(&flag)); err != nil {
		return fmt.Errorf("set %s read-only to %t: %w", d, readOnly, err)
	}
	return nil
}

// ReadOnly reports whether the kernel refuses writes to the device.
func (d *Device) ReadOnly() (bool, error) {
	var flag int32
	if err := ioctl(d.file, unix.BLKROGET, unsafe.Pointer(&flag)); err != nil {
		return false, fmt.Errorf("is %s read-only: %w", d, err)
	}
	return flag != 0, nil
}

// writable is an error if the kernel refuses writes to the device.
func (d *Device) writable() error {
	readOnly, err := d.ReadOnly()
	if err == nil && readOnly {
		err = fmt.Errorf("%s is set read-only: %w", d, unix.EROFS)
	}
	return err
}

// reopen opens the device anew with these flags, and makes sure that it is the
// same disk.
func (d *Device) reopen(flags int) (*os.File, error) {
	f, err := rawfile.Open(d.Path(), flags, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s again: %w", d, errors.Unwrap(err))
	}
	number, err := blockNumber(int(f.Fd()))
	if err == nil && (number != d.number || diskSeq(f) != d.diskSeq) {
		err = fmt.Errorf("its number %s belongs to another disk now: %w", numberText(d.number), unix.ENODEV)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s again: %w", d, err)
	}
	return f, nil
}

// sync flushes the device's page cache and its write cache.
func (d *Device) sync() error {
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", d, err)
	}
	return nil
}

func blockNumber(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0, syscall.ENOTBLK
	}
	return uint64(st.Rdev), nil
}

// diskSeq asks for [Device.DiskSeq].
func diskSeq(f *os.File) (seq uint64) {
	if ioctl(f, unix.BLKGETDISKSEQ, unsafe.Pointer(&seq)) != nil {
		return 0
	}
	return seq
}

func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func numberText(number uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number))
}
