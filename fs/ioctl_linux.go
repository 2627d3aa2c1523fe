package fs

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The directions of an ioctl number, as on every architecture but alpha, mips,
// powerpc and sparc.
const (
	iocNone  = 0
	iocWrite = 1
	iocRead  = 2
)

// ioc makes an ioctl number (asm-generic/ioctl.h).
func ioc(direction, kind, number, size uintptr) uintptr {
	return direction<<30 | size<<16 | kind<<8 | number
}

// ioctl calls ioctl(2) with a pointer, again if a signal interrupts it.
func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	_, err := ioctlResult(f, request, arg)
	return err
}

// ioctlResult is for the requests that answer with more than 0.
func ioctlResult(f *os.File, request uintptr, arg unsafe.Pointer) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg))
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR:
			continue
		default:
			return 0, errno
		}
	}
}
