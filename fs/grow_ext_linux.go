package fs

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// extGrower grows ext2, ext3 and ext4 by EXT4_IOC_RESIZE_FS (Linux 3.3).
type extGrower struct {
	root   *os.File
	device *Device
}

// measure reads the superblock through the page cache, where the mounted file
// system keeps it: on the disk it may be older.
func (g extGrower) measure() (geometry, error) {
	s, err := g.device.extSuper()
	if err != nil {
		return geometry{}, err
	}
	return s.geometry(), nil
}

func (g extGrower) grow(size int64) error {
	s, err := g.device.extSuper()
	if err != nil {
		return err
	}
	blocks := uint64(size / s.blockSize)
	err = ioctl(g.root, ioc(iocWrite, 'f', 16, unsafe.Sizeof(blocks)), unsafe.Pointer(&blocks))
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("EXT4_IOC_RESIZE_FS: %w: give the node plugin CAP_SYS_RESOURCE, or stage the volume again: it grows before it is mounted", err)
	case err != nil:
		return fmt.Errorf("EXT4_IOC_RESIZE_FS to %d blocks: %w", blocks, err)
	}
	return nil
}

// extSuper reads the superblock through the page cache. The checksum is no
// matter: the kernel writes it when it writes the block.
func (d *Device) extSuper() (extSuper, error) {
	var b [extLength]byte
	if n, err := d.file.ReadAt(b[:], extOffset); n < len(b) {
		return extSuper{}, fmt.Errorf("read the superblock of %s: %w", d, err)
	}
	s, err := parseExt(b[:])
	if err != nil && !errors.Is(err, errBadChecksum) {
		return extSuper{}, fmt.Errorf("superblock of %s: %w", d, err)
	}
	return s, nil
}
