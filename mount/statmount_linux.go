package mount

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// statmount(2) and listmount(2), which x/sys has as numbers only. Source:
// include/uapi/linux/mount.h and the manual pages.
const (
	statmountSuper     = 0x1
	statmountMount     = 0x2
	statmountRoot      = 0x8
	statmountPoint     = 0x10
	statmountType      = 0x20
	statmountOptions   = 0x80
	statmountSubtype   = 0x100
	statmountSource    = 0x200
	statmountDetails   = statmountSuper | statmountMount | statmountRoot | statmountPoint | statmountType | statmountOptions | statmountSubtype | statmountSource
	statmountHeader    = 512
	listmountRoot      = ^uint64(0)
	listmountReverse   = 1
	superReadOnly      = 1 // SB_RDONLY
	maxStatmountBuffer = 1 << 20
)

type mntIDReq struct {
	size, spare uint32
	id, param   uint64
}

const mntIDReqSize = 24 // MNT_ID_REQ_SIZE_VER0

// statmount describes the mount with the unique id. A mount that is gone or in
// another namespace is [ErrNotMounted].
func statmount(id, mask uint64) (record, error) {
	var small [4096]byte
	for b := small[:]; ; b = make([]byte, 4*len(b)) {
		err := statmountInto(b, id, mask)
		switch {
		case err == nil:
			return parseStatmount(b)
		case errors.Is(err, unix.EOVERFLOW) && len(b) < maxStatmountBuffer:
			continue
		case errors.Is(err, unix.ENOENT):
			return record{}, ErrNotMounted
		}
		return record{}, fmt.Errorf("statmount: %w", err)
	}
}

func statmountInto(b []byte, id, mask uint64) error {
	req := mntIDReq{size: mntIDReqSize, id: id, param: mask}
	_, _, errno := unix.Syscall6(unix.SYS_STATMOUNT, uintptr(unsafe.Pointer(&req)), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// parseStatmount reads struct statmount. Fields that the kernel left out are
// zero.
func parseStatmount(b []byte) (record, error) {
	if len(b) < statmountHeader {
		return record{}, fmt.Errorf("statmount: %d bytes are no struct statmount", len(b))
	}
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
	mask := u64(8)
	text := func(bit uint64, at int) string {
		if mask&bit == 0 || u32(at) >= uint32(len(b)-statmountHeader) {
			return ""
		}
		s, _, _ := bytes.Cut(b[statmountHeader+u32(at):], []byte{0})
		return string(s)
	}
	r := record{
		dev: unix.Mkdev(u32(16), u32(20)), superReadOnly: u32(32)&superReadOnly != 0,
		id: u64(40), parent: u64(48), attr: u64(64), shared: u64(72)&unix.MS_SHARED != 0, details: mask&statmountSource != 0,
		fsType: text(statmountType, 36), root: text(statmountRoot, 104), point: text(statmountPoint, 108),
		source: text(statmountSource, 124), options: text(statmountOptions, 4),
	}
	if sub := text(statmountSubtype, 120); sub != "" {
		r.fsType += "." + sub
	}
	return r, nil
}

// listmount calls yield with the unique ids of all mounts below the mount
// root, in the order in which they were made, until it returns false.
func listmount(root uint64, yield func(id uint64) bool) error {
	var ids [512]uint64
	req := mntIDReq{size: mntIDReqSize, id: root}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_LISTMOUNT, uintptr(unsafe.Pointer(&req)), uintptr(unsafe.Pointer(&ids[0])), uintptr(len(ids)), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("listmount: %w", errno)
		}
		for _, id := range ids[:n] {
			if !yield(id) {
				return nil
			}
		}
		if int(n) < len(ids) {
			return nil
		}
		req.param = ids[n-1]
	}
}

// listNear returns the unique ids of the mounts that were made after the one
// with this id, or before it with listmountReverse, the nearest first.
func listNear(id uint64, flags uintptr, ids []uint64) []uint64 {
	req := mntIDReq{size: mntIDReqSize, id: listmountRoot, param: id}
	n, _, errno := unix.Syscall6(unix.SYS_LISTMOUNT, uintptr(unsafe.Pointer(&req)), uintptr(unsafe.Pointer(&ids[0])), uintptr(len(ids)), flags, 0, 0)
	if errno != 0 {
		return nil
	}
	return ids[:n]
}
