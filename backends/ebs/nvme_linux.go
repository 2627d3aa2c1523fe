package ebs

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	adminIoctl     = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD
	opIdentify     = 0x06
	identifyLength = 4096
	// vendorOffset is where EBS writes the device name of the attachment
	// into the controller's data ("NVMe block devices", EBS User Guide).
	vendorOffset, vendorLength = 3072, 32
)

// admin sends a command to the controller of an open disk. It needs
// CAP_SYS_ADMIN.
func admin(f *os.File, c adminCommand, data []byte) error {
	c.addr, c.dataLen = uint64(uintptr(unsafe.Pointer(&data[0]))), uint32(len(data))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), adminIoctl, uintptr(unsafe.Pointer(&c)))
	runtime.KeepAlive(data)
	if errno != 0 {
		return errno
	}
	return nil
}

// attachedAs returns the device name that an EBS volume was attached at.
func attachedAs(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, identifyLength)
	if err := admin(f, adminCommand{opcode: opIdentify, cdw10: 1}, data); err != nil {
		return "", err
	}
	name := string(bytes.TrimRight(data[vendorOffset:vendorOffset+vendorLength], " \x00"))
	return "/dev/" + strings.TrimPrefix(name, "/dev/"), nil
}

// foreignDisks counts the EBS disks of this instance that were attached at a
// name which the driver does not give: its root, and what was attached by hand.
// It is false where that cannot be told.
func foreignDisks(s sysfs) (foreign int64, ok bool) {
	serials, err := s.serials()
	if err != nil {
		return 0, false
	}
	for disk, serial := range serials {
		if !strings.HasPrefix(serial, "vol") {
			continue // an instance store
		}
		name, err := attachedAs(filepath.Join(s.dev, disk))
		if err != nil || name == "/dev/" {
			return 0, false
		}
		if ok = true; !slices.Contains(candidates, name) {
			foreign++
		}
	}
	return foreign, ok
}
