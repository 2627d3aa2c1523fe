package fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/google/uuid"
)

// The superblock of xfs, at the beginning of each allocation group. Source:
// "XFS Algorithms & Data Structures", the kernel's fs/xfs/libxfs/xfs_format.h.
const (
	xfsMagic     = "XFSB"
	xfsMinSector = 512
	xfsMaxSector = 32768
	xfsCRCOffset = 224
)

// xfsSuper is what is used of an xfs superblock.
type xfsSuper struct {
	uuid              uuid.UUID
	blockSize, blocks int64
	agBlocks, agCount int64
	inProgress        bool
	checked           bool   // of version 5, and the checksum is right
	incompat          uint32 // features of version 5 that an old kernel refuses
	roCompat          uint32 // those with which it mounts only for reading
}

// parseXFS reads an xfs superblock. b is at least 512 bytes, and as long as the
// file system's sector if the checksum is to be checked.
func parseXFS(b []byte) (xfsSuper, error) {
	if len(b) < xfsMinSector || string(b[:4]) != xfsMagic {
		return xfsSuper{}, errNoMagic
	}
	be := binary.BigEndian
	s := xfsSuper{
		uuid:       uuid.UUID(b[32:48]),
		blockSize:  int64(be.Uint32(b[4:])),
		blocks:     int64(be.Uint64(b[8:]) & (1<<63 - 1)),
		agBlocks:   int64(be.Uint32(b[84:])),
		agCount:    int64(be.Uint32(b[88:])),
		inProgress: b[126] == 1,
	}
	sector := int(be.Uint16(b[102:]))
	switch {
	case s.blockSize < 512 || s.blockSize > 65536 || bits.OnesCount64(uint64(s.blockSize)) != 1 || s.blockSize != 1<<(b[120]&63):
		return s, fmt.Errorf("block size %d", s.blockSize)
	case sector < xfsMinSector || sector > xfsMaxSector || bits.OnesCount(uint(sector)) != 1:
		return s, fmt.Errorf("sector size %d", sector)
	case s.agCount == 0 || s.blocks <= (s.agCount-1)*s.agBlocks || s.blocks > s.agCount*s.agBlocks:
		return s, fmt.Errorf("%d blocks in %d groups of %d", s.blocks, s.agCount, s.agBlocks)
	case s.blocks > 1<<62/s.blockSize:
		return s, fmt.Errorf("%d blocks", s.blocks)
	}
	if be.Uint16(b[100:])&0xf == 5 {
		s.roCompat, s.incompat = be.Uint32(b[212:]), be.Uint32(b[216:])
		s.checked = len(b) >= sector && xfsChecksumOK(b[:sector])
		if len(b) >= sector && !s.checked {
			return s, errBadChecksum
		}
	}
	return s, nil
}

// xfsChecksumOK checks sb_crc: the CRC32C of the sector with the field itself
// as zeros.
func xfsChecksumOK(sector []byte) bool {
	sum := crc32.Checksum(sector[:xfsCRCOffset], castagnoli)
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	sum = crc32.Update(sum, castagnoli, sector[xfsCRCOffset+4:])
	return sum == binary.LittleEndian.Uint32(sector[xfsCRCOffset:])
}

// content says what the superblock tells: nothing of whether the log is to be
// replayed, which the kernel does by itself.
func (s xfsSuper) content() Content {
	return Content{Type: "xfs", UUID: s.uuid.String(), Size: s.blocks * s.blockSize,
		Clean: !s.inProgress, InProgress: s.inProgress, checked: s.checked, files: firstFile}
}

// findXFS looks for the primary superblock.
func findXFS(v view, r *report) {
	b := v.at(0, xfsMaxSector)
	if b == nil {
		b = v.at(0, xfsMinSector)
	}
	s, err := parseXFS(b)
	switch {
	case errors.Is(err, errNoMagic):
	case err != nil:
		r.torn = r.torn || errors.Is(err, errBadChecksum)
		r.note("xfs magic number at byte 0, but %v", err)
	default:
		r.add(0, s.content())
	}
}
