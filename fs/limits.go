package fs

import (
	"cmp"
	"fmt"
	"strconv"
)

// MinSize returns how many bytes a device needs for a file system of this type
// with these options, and for its growth later; 0 if the type is unknown.
// [Device.Format] refuses devices on which mkfs could never succeed, which may
// be a little smaller. It may be called anywhere, a controller included, so that
// nobody makes a volume that can never be formatted.
func MinSize(f Format) int64 {
	if f.Type == "btrfs" {
		return max(mkfsLeast(f), btrfsLeast)
	}
	return mkfsLeast(f)
}

// The sizes that the tools demand: mkfs.xfs says 300 MB and means MiB (since
// xfsprogs 5.19, others less), mkfs.btrfs names the number.
const (
	xfsLeast          = 300 << 20
	btrfsLeastDup     = 114294784
	btrfsLeastSingle  = 47185920
	btrfsLeastDupData = 240123904

	// btrfsLeast is the least size that the kernel grows a btrfs to
	// (btrfs_ioctl_resize in fs/btrfs/ioctl.c).
	btrfsLeast = 256 << 20

	// extJournalBlocks is the size in blocks below which mke2fs leaves the
	// journal out (ext2fs_default_journal_size), which makes an ext3 an ext2.
	// An ext4 without one stays an ext4.
	extJournalBlocks = 2048
	extLeastBlocks   = 256
)

// mkfsLeast is the least size that mkfs makes a file system of.
func mkfsLeast(f Format) int64 {
	switch f.Type {
	case "xfs":
		return xfsLeast
	case "btrfs":
		switch {
		case f.Options["dataProfile"] == "dup":
			return btrfsLeastDupData
		case f.Options["metadataProfile"] == "single":
			return btrfsLeastSingle
		}
		return btrfsLeastDup
	case "ext3":
		return extJournalBlocks * f.blockSize()
	case "ext2", "ext4":
		return extLeastBlocks * f.blockSize()
	}
	return 0
}

// blockSize is that of an ext file system.
func (f Format) blockSize() int64 {
	size, _ := strconv.ParseInt(cmp.Or(f.amount("blockSize"), "4096"), 10, 64)
	return size
}

// checkSize refuses a device on which mkfs could never succeed.
func checkSize(f Format, size int64) error {
	if want := mkfsLeast(f); size < want {
		return fmt.Errorf("%w: %s needs a device of at least %d bytes, this one has %d; make a larger volume, or choose another file system",
			ErrOption, f.Type, want, size)
	}
	return nil
}
