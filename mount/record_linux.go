package mount

import (
	"golang.org/x/sys/unix"
)

// A record is what the kernel tells of one mount, by statmount or mountinfo.
type record struct {
	id, parent            uint64
	dev                   uint64
	attr                  uint64 // MOUNT_ATTR_*
	shared, superReadOnly bool
	details               bool // the kernel can tell all of it
	root, point           string
	fsType, source        string
	options               string // of the file system, as shown
}

func (r record) info() Info {
	return Info{
		ID: r.id, Device: r.dev, Root: r.root, Type: r.fsType, Source: r.source,
		ReadOnly: r.superReadOnly || r.attr&unix.MOUNT_ATTR_RDONLY != 0, SuperReadOnly: r.superReadOnly,
		Flags: flagNames(r.attr), Options: splitShown(r.options), Layers: 1,
	}
}
