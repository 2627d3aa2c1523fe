package fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/google/uuid"
)

// The superblock of ext2, ext3 and ext4: where it is, and its fields.
// Source: the kernel's Documentation/filesystems/ext4/super.rst, ext4(5).
const (
	extOffset = 1024 // on the device
	extLength = 1024
	extMagic  = 0xef53

	extValid  = 1 // s_state: unmounted
	extErrors = 2 // s_state: errors on record

	extCompatJournal = 0x4

	extIncompatFiletype   = 0x2
	extIncompatRecover    = 0x4 // the journal is to be replayed
	extIncompatJournalDev = 0x8
	extIncompatMetaBG     = 0x10
	extIncompat64Bit      = 0x80

	extRoCompatSparse     = 0x1
	extRoCompatLargeFile  = 0x2
	extRoCompatBtreeDir   = 0x4
	extRoCompatBigAlloc   = 0x200
	extRoCompatMetaCsum   = 0x400
	extRoCompatAllOfExt3  = extRoCompatSparse | extRoCompatLargeFile | extRoCompatBtreeDir
	extIncompatAllOfExt2  = extIncompatFiletype | extIncompatMetaBG
	extIncompatAllOfExt3  = extIncompatAllOfExt2 | extIncompatRecover
	extChecksumTypeCRC32C = 1
)

// firstFile is before the first block that ext or xfs can give to a file: their
// own tables come first.
const firstFile = 32 << 10

// castagnoli is the polynomial of ext4, xfs and btrfs.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errNoMagic     = errors.New("no magic number")
	errBadChecksum = errors.New("wrong checksum")
)

// extSuper is what is used of an ext superblock.
type extSuper struct {
	uuid                       uuid.UUID
	blocks, blockSize          int64
	clusterSize                int64
	inodesPerGroup, inodeSize  int64
	blocksPerGroup, reservedGD int64
	group                      uint16 // whose copy this is, 0 for the primary
	state                      uint16
	compat, incompat, roCompat uint32
}

// parseExt reads an ext superblock of 1024 bytes. The error is errNoMagic if
// it is none, and says what is wrong if it looks like one.
func parseExt(b []byte) (extSuper, error) {
	le := binary.LittleEndian
	if len(b) < extLength || le.Uint16(b[56:]) != extMagic {
		return extSuper{}, errNoMagic
	}
	s := extSuper{
		blocks:         int64(le.Uint32(b[4:])),
		blocksPerGroup: int64(le.Uint32(b[32:])),
		inodesPerGroup: int64(le.Uint32(b[40:])),
		state:          le.Uint16(b[58:]),
		inodeSize:      int64(le.Uint16(b[88:])),
		group:          le.Uint16(b[90:]),
		compat:         le.Uint32(b[92:]),
		incompat:       le.Uint32(b[96:]),
		roCompat:       le.Uint32(b[100:]),
		uuid:           uuid.UUID(b[104:120]),
		reservedGD:     int64(le.Uint16(b[206:])),
	}
	if s.incompat&extIncompat64Bit != 0 {
		s.blocks |= int64(le.Uint32(b[336:])&0x7fffffff) << 32
	}
	return s, s.finish(le.Uint32(b[24:]), le.Uint32(b[28:]), b)
}

// finish sets the block sizes from their logarithms and checks the fields.
func (s *extSuper) finish(logBlock, logCluster uint32, b []byte) error {
	if logBlock > 6 {
		return fmt.Errorf("block size 2^%d KiB", logBlock)
	}
	s.blockSize = 1024 << logBlock
	s.clusterSize = s.blockSize
	if s.roCompat&extRoCompatBigAlloc != 0 {
		if logCluster < logBlock || logCluster > 19 {
			return fmt.Errorf("cluster size 2^%d KiB", logCluster)
		}
		s.clusterSize = 1024 << logCluster
	}
	switch {
	case s.blocks == 0 || s.blocks > 1<<62/s.blockSize:
		return fmt.Errorf("%d blocks", s.blocks)
	case s.blocksPerGroup == 0 && s.incompat&extIncompatJournalDev == 0:
		return errors.New("no blocks per group")
	case s.roCompat&extRoCompatMetaCsum != 0 && !extChecksumOK(b):
		return errBadChecksum
	}
	return nil
}

// extChecksumOK checks s_checksum, a CRC32C that is not inverted in the end.
func extChecksumOK(b []byte) bool {
	return b[373] == extChecksumTypeCRC32C &&
		^crc32.Checksum(b[:1020], castagnoli) == binary.LittleEndian.Uint32(b[1020:])
}

// kind names the file system as blkid does: by the features of the oldest
// driver that can mount it.
func (s extSuper) kind() string {
	switch {
	case s.incompat&extIncompatJournalDev != 0:
		return "jbd"
	case s.roCompat&^extRoCompatAllOfExt3 != 0 || s.incompat&^extIncompatAllOfExt3 != 0:
		return "ext4"
	case s.compat&extCompatJournal != 0:
		return "ext3"
	case s.incompat&^extIncompatAllOfExt2 != 0:
		return "ext4"
	}
	return "ext2"
}

func (s extSuper) size() int64 { return s.blocks * s.blockSize }

// content says what the superblock tells. A journal that is to be replayed is a
// reason for a check: see [Device.Check].
func (s extSuper) content() Content {
	damaged := s.state&extErrors != 0
	open := s.state&extValid == 0
	replay := s.incompat&extIncompatRecover != 0
	return Content{
		Type: s.kind(), UUID: s.uuid.String(), Size: s.size(),
		Clean:      !damaged && !open && !replay,
		NeedsCheck: damaged || open || replay,
		geometry:   s.geometry(),
		checked:    s.roCompat&extRoCompatMetaCsum != 0,
		files:      firstFile,
	}
}

// findExt looks for the primary superblock.
func findExt(v view, r *report) {
	b := v.at(extOffset, extLength)
	s, err := parseExt(b)
	switch {
	case errors.Is(err, errNoMagic):
	case err != nil:
		r.torn = r.torn || errors.Is(err, errBadChecksum)
		r.note("ext magic number at byte %d, but %v", extOffset, err)
	case s.group != 0:
		r.note("copy of an ext superblock at byte %d", extOffset)
	default:
		r.add(extOffset, s.content())
	}
}
