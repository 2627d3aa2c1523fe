package fs

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// UsageOf measures the file system that holds path. It calls statfs(2), which
// for a local disk file system answers from memory, without the device, even
// when the device does not answer any more (R14). A network or FUSE file system
// may keep it for ever, whatever ctx says: use a [Gauge] where there can be one.
func UsageOf(ctx context.Context, path string) (Usage, error) {
	if err := context.Cause(ctx); err != nil {
		return Usage{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	var s unix.Statfs_t
	for {
		switch err := unix.Statfs(path, &s); err {
		case nil:
			return usage(s), nil
		case unix.EINTR:
		default:
			return Usage{}, &os.PathError{Op: "statfs", Path: path, Err: err}
		}
	}
}

func usage(s unix.Statfs_t) Usage {
	unit := int64(s.Frsize)
	if unit == 0 {
		unit = int64(s.Bsize)
	}
	return Usage{
		Bytes:          int64(s.Blocks) * unit,
		UsedBytes:      int64(s.Blocks-s.Bfree) * unit,
		AvailableBytes: int64(s.Bavail) * unit,
		Inodes:         int64(s.Files),
		UsedInodes:     int64(s.Files - s.Ffree),
		FreeInodes:     int64(s.Ffree),
	}
}
