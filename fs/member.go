package fs

import (
	"bytes"
	"encoding/binary"

	"github.com/google/uuid"
)

// Members of volume groups, arrays and pools, and swap: each sign is checked to
// lie where its own fields say, so that a copy inside a file is not taken for
// the device's own.

// findLVM looks for an LVM2 label, which is in one of the first four sectors
// (pvck(8)).
func findLVM(v view, r *report) {
	for sector := int64(0); sector < 4; sector++ {
		b := v.at(sector*512, 512)
		if b != nil && string(b[:8]) == "LABELONE" && string(b[24:32]) == "LVM2 001" &&
			binary.LittleEndian.Uint64(b[8:]) == uint64(sector) {
			r.add(sector*512, Content{Type: "LVM2_member"})
		}
	}
}

const mdMagic = 0xa92b4efc

// findMD looks for the superblock of an md array: versions 1.1 and 1.2 at the
// beginning, 1.0 and 0.90 at the end (md(4), mdadm's super1.c and super0.c).
func findMD(v view, r *report) {
	for _, offset := range []int64{0, 4096, (v.size - 8192) &^ 4095} {
		if id, ok := parseMD1(v.at(offset, 256), offset); ok {
			r.add(offset, Content{Type: "linux_raid_member", UUID: id.String(), mayBeFile: true})
		}
	}
	const reserved = 64 << 10
	offset := v.size&^(reserved-1) - reserved
	if parseMD0(v.at(offset, 4096)) {
		r.add(offset, Content{Type: "linux_raid_member", mayBeFile: true})
	}
}

// parseMD1 reads the superblock of metadata version 1 found at offset.
func parseMD1(b []byte, offset int64) (uuid.UUID, bool) {
	le := binary.LittleEndian
	if len(b) < 256 || le.Uint32(b) != mdMagic || le.Uint32(b[4:]) != 1 || le.Uint64(b[144:]) != uint64(offset)/512 {
		return uuid.Nil, false
	}
	return uuid.UUID(b[16:32]), true
}

// parseMD0 reads the superblock of metadata version 0.90, in the byte order of
// the machine that wrote it.
func parseMD0(b []byte) bool {
	if len(b) < 12 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(b) == mdMagic && order.Uint32(b[4:]) == 0 && order.Uint32(b[8:]) >= 90 {
			return true
		}
	}
	return false
}

// Labels of ZFS: four of 256 KiB, two at the beginning and two at the end. The
// second half of each is an array of uberblocks ("ZFS On-Disk Specification").
const (
	zfsLabel     = 256 << 10
	zfsConfig    = 16 << 10
	zfsArray     = 128 << 10
	zfsSlot      = 1 << 10
	zfsUberblock = 0x00bab10c
)

// findZFS looks for uberblocks in the first and in the last label. A pool that
// was made over another file system leaves its superblock alone, but not where
// the first label has its list of names and values.
func findZFS(v view, r *report) {
	pool := isNVList(v.at(zfsConfig, 8))
	for _, offset := range []int64{0, v.size&^(zfsLabel-1) - zfsLabel} {
		if hasUberblocks(v.at(offset+zfsArray, zfsLabel-zfsArray)) {
			r.add(offset+zfsArray, Content{Type: "zfs_member", mayBeFile: !pool})
		}
	}
}

// isNVList reports whether b begins a list as zfs writes it: in XDR, version 0.
func isNVList(b []byte) bool {
	return len(b) >= 8 && b[0] == 1 && b[2] == 0 && b[3] == 0 && binary.BigEndian.Uint32(b[4:]) == 0
}

// hasUberblocks reports whether there are as many as libblkid wants.
func hasUberblocks(array []byte) bool {
	const want = 4
	found := 0
	for ; len(array) >= zfsSlot && found < want; array = array[zfsSlot:] {
		if binary.LittleEndian.Uint64(array) == zfsUberblock || binary.BigEndian.Uint64(array) == zfsUberblock {
			found++
		}
	}
	return found == want
}

// findSwap looks for the mark at the end of the first page, of any page size
// (mkswap(8)).
func findSwap(v view, r *report) {
	for page := int64(4 << 10); page <= 64<<10; page *= 2 {
		mark := v.at(page-10, 10)
		if !bytes.Equal(mark, []byte("SWAPSPACE2")) && !bytes.Equal(mark, []byte("SWAP-SPACE")) {
			continue
		}
		c := Content{Type: "swap"}
		if id := v.at(1036, 16); !allZero(id) {
			c.UUID = uuid.UUID(id).String()
		}
		r.add(page-10, c)
	}
}
