package nvme

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An adminCommand is struct nvme_admin_cmd of linux/nvme_ioctl.h.
type adminCommand struct {
	opcode, flags                            uint8
	_                                        uint16
	nsid, cdw2, cdw3                         uint32
	metadata, addr                           uint64
	metadataLen, dataLen                     uint32
	cdw10, cdw11, cdw12, cdw13, cdw14, cdw15 uint32
	timeoutMs, result                        uint32
}

const (
	adminIoctl = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD
	opLogPage  = 0x02
	opIdentify = 0x06
)

// patience is how long a disk may take to answer, in milliseconds.
const patience = 5000

// admin sends a command to the controller of an open disk. The ioctl returns the
// status of a command that the controller has refused.
//
// data is pinned: the kernel gets its address as a number, which nobody corrects
// if data is on a stack that is moved.
func admin(f *os.File, c adminCommand, data []byte) error {
	var pin runtime.Pinner
	pin.Pin(&data[0])
	defer pin.Unpin()
	c.addr, c.dataLen = uint64(uintptr(unsafe.Pointer(&data[0]))), uint32(len(data))
	c.timeoutMs = patience
	status, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), adminIoctl, uintptr(unsafe.Pointer(&c)))
	if errno != 0 {
		return errno
	}
	if status != 0 {
		return fmt.Errorf("%w: NVMe status %#x", ErrRefused, status)
	}
	return nil
}

// onDisk sends a command to a disk.
func onDisk(path string, c adminCommand, data []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return admin(f, c, data)
}

// logPage fills data, of whole words, with the beginning of a log page of the
// disk's first namespace. The length is told in words, less one.
func logPage(path string, page uint8, data []byte) error {
	return onDisk(path, adminCommand{opcode: opLogPage, nsid: 1, cdw10: uint32(page) | uint32(len(data)/4-1)<<16}, data)
}

// identify fills data with what the controller of the disk says of itself.
func identify(path string, data []byte) error {
	return onDisk(path, adminCommand{opcode: opIdentify, cdw10: 1}, data)
}
