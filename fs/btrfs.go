package fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/google/uuid"
)

// The superblock of btrfs. Source: the kernel's
// include/uapi/linux/btrfs_tree.h, https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html.
const (
	btrfsOffset    = 64 << 10
	btrfsLength    = 4096
	btrfsMagic     = "_BHRfS_M"
	btrfsTemporary = "!BHRfS_M" // until mkfs.btrfs ends
	btrfsFirstTree = 1 << 20    // where mkfs.btrfs writes its first tree block
)

// btrfsMirrors are the places of the further copies, if the device has them.
var btrfsMirrors = [...]int64{64 << 20, 256 << 30, 1 << 50}

// btrfsSuper is what is used of a btrfs superblock.
type btrfsSuper struct {
	uuid       uuid.UUID // of the file system
	devID      uint64
	devices    uint64
	size       int64 // of this device's part
	sectorSize int64
	temporary  bool
	checked    bool // the checksum is of the kind that is known here, and right
	incompat   uint64
	roCompat   uint64
}

// parseBtrfs reads the btrfs superblock that was found at offset.
func parseBtrfs(b []byte, offset int64) (btrfsSuper, error) {
	if len(b) < btrfsLength {
		return btrfsSuper{}, errNoMagic
	}
	magic := string(b[64:72])
	if magic != btrfsMagic && magic != btrfsTemporary {
		return btrfsSuper{}, errNoMagic
	}
	le := binary.LittleEndian
	s := btrfsSuper{
		uuid:       uuid.UUID(b[32:48]),
		temporary:  magic == btrfsTemporary,
		devices:    le.Uint64(b[136:]),
		sectorSize: int64(le.Uint32(b[144:])),
		roCompat:   le.Uint64(b[180:]),
		incompat:   le.Uint64(b[188:]),
		devID:      le.Uint64(b[201:]),
		size:       int64(le.Uint64(b[209:]) & (1<<63 - 1)),
	}
	const crc32c = 0 // other checksums are left to the kernel
	s.checked = le.Uint16(b[196:]) == crc32c
	switch {
	case le.Uint64(b[48:]) != uint64(offset):
		return s, fmt.Errorf("written for byte %d", le.Uint64(b[48:]))
	case s.checked && crc32.Checksum(b[32:btrfsLength], castagnoli) != le.Uint32(b):
		return s, errBadChecksum
	case s.sectorSize < 512 || s.sectorSize > 65536 || bits.OnesCount64(uint64(s.sectorSize)) != 1:
		return s, fmt.Errorf("sector size %d", s.sectorSize)
	}
	return s, nil
}

func (s btrfsSuper) content() Content {
	return Content{Type: "btrfs", UUID: s.uuid.String(), Size: s.size,
		Clean: !s.temporary, InProgress: s.temporary, checked: s.checked, files: btrfsFirstTree}
}

// findBtrfs looks for the primary superblock.
func findBtrfs(v view, r *report) {
	s, err := parseBtrfs(v.at(btrfsOffset, btrfsLength), btrfsOffset)
	switch {
	case errors.Is(err, errNoMagic):
	case err != nil:
		r.torn = r.torn || errors.Is(err, errBadChecksum)
		r.note("btrfs magic number at byte %d, but %v", btrfsOffset, err)
	default:
		r.add(btrfsOffset, s.content())
	}
}

// parseBtrfsTree reads the tree block at btrfsFirstTree and returns the UUID of
// its file system. The block must be of the first generation, which only
// mkfs.btrfs writes, and have the right CRC32C for one of the node sizes.
func parseBtrfsTree(b []byte) (uuid.UUID, bool) {
	le := binary.LittleEndian
	for size := 4 << 10; size <= min(64<<10, len(b)); size *= 2 {
		if crc32.Checksum(b[32:size], castagnoli) == le.Uint32(b) {
			bytenr, generation := le.Uint64(b[48:]), le.Uint64(b[80:])
			return uuid.UUID(b[32:48]), bytenr == btrfsFirstTree && generation == 1
		}
	}
	return uuid.Nil, false
}
