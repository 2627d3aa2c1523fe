package fs

import "fmt"

// Growth is what became of a file system: its size in bytes before and after.
// Grown says that it was enlarged; without it the two are the same.
type Growth struct {
	Before, After int64
	Grown         bool
}

// A geometry is the size of a file system as the kernel or its superblock has it.
type geometry struct {
	size      int64 // bytes
	block     int64 // bytes; growth is in whole blocks
	tolerance int64 // bytes at the end of the device that the file system may leave unused
}

// wants reports whether a device of that size has room for one more block.
func (g geometry) wants(device int64) bool { return device-g.size >= g.block }

// fills reports whether no more of the device is unused than may be.
func (g geometry) fills(device int64) bool { return device-g.size <= max(g.tolerance, g.block) }

// geometry of an ext file system. The kernel and resize2fs drop a last group
// that is too small for its own bitmaps, inode table and copy of the
// descriptors (ext4_resize_fs in fs/ext4/resize.c).
func (s extSuper) geometry() geometry {
	blocks := s.inodesPerGroup*max(s.inodeSize, 128)/s.blockSize + s.reservedGD + s.descriptorBlocks() + 64
	return geometry{size: s.size(), block: s.clusterSize, tolerance: blocks*s.blockSize + s.clusterSize}
}

func (s extSuper) descriptorBlocks() int64 {
	if s.blocksPerGroup == 0 {
		return 0
	}
	return (s.blocks/s.blocksPerGroup+1)*64/s.blockSize + 1
}

// result judges a growth by the geometry before and after.
func result(before, after geometry, device int64) (Growth, error) {
	g := Growth{Before: before.size, After: after.size, Grown: after.size > before.size}
	if !after.fills(device) {
		return g, fmt.Errorf("it has %d bytes on a device of %d bytes after it was told to grow from %d", after.size, device, before.size)
	}
	return g, nil
}
