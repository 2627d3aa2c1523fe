package fs

import (
	"fmt"
	"os"
	"unsafe"
)

// xfsGrower grows xfs by XFS_IOC_FSGROWFSDATA. The structures are those of the
// kernel's fs/xfs/libxfs/xfs_fs.h, see ioctl_xfs_fsgeometry(2).
type xfsGrower struct{ root *os.File }

// xfsGeometry is the beginning of struct xfs_fsop_geom_v1, 112 bytes, which
// every kernel answers (XFS_IOC_FSGEOMETRY_V1).
type xfsGeometry struct {
	blockSize, rtExtSize, agBlocks, agCount, logBlocks, sectSize, inodeSize, imaxPct uint32
	dataBlocks                                                                       uint64
	rest                                                                             [72]byte
}

// xfsGrowth is struct xfs_growfs_data.
type xfsGrowth struct {
	blocks  uint64
	imaxPct uint32
	_       uint32
}

func (g xfsGrower) geometry() (x xfsGeometry, err error) {
	if err := ioctl(g.root, ioc(iocRead, 'X', 100, unsafe.Sizeof(x)), unsafe.Pointer(&x)); err != nil {
		return x, fmt.Errorf("XFS_IOC_FSGEOMETRY_V1: %w", err)
	}
	return x, nil
}

// xfsMinGroup is the least number of blocks of a last allocation group; the
// kernel leaves fewer unused (XFS_MIN_AG_BLOCKS).
const xfsMinGroup = 64

func (g xfsGrower) measure() (geometry, error) {
	x, err := g.geometry()
	if err != nil {
		return geometry{}, err
	}
	block := int64(x.blockSize)
	return geometry{size: int64(x.dataBlocks) * block, block: block, tolerance: xfsMinGroup * block}, nil
}

func (g xfsGrower) grow(size int64) error {
	x, err := g.geometry()
	if err != nil {
		return err
	}
	want := xfsGrowth{blocks: uint64(size) / uint64(x.blockSize), imaxPct: x.imaxPct}
	if err := ioctl(g.root, ioc(iocWrite, 'X', 110, unsafe.Sizeof(want)), unsafe.Pointer(&want)); err != nil {
		return fmt.Errorf("XFS_IOC_FSGROWFSDATA to %d blocks: %w", want.blocks, err)
	}
	return nil
}
