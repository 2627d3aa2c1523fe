package nvme

import (
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
	opIdentify = 0x06
)

// admin sends a command to the controller of an open disk.
func admin(f *os.File, c adminCommand, data []byte) error {
	c.addr, c.dataLen = uint64(uintptr(unsafe.Pointer(&data[0]))), uint32(len(data))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), adminIoctl, uintptr(unsafe.Pointer(&c)))
	runtime.KeepAlive(data)
	if errno != 0 {
		return errno
	}
	return nil
}

// identify fills data with what the controller of the disk says of itself.
func identify(path string, data []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return admin(f, adminCommand{opcode: opIdentify, cdw10: 1}, data)
}
