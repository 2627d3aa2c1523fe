package csi

import (
	"context"
	"os"

	"github.com/csikit/csikit/mount"
)

// A Source is where a volume is on a node: a [Device] or a [Share]. The
// framework formats, checks, mounts, binds, grows and unmounts it.
type Source interface{ source() }

// A Device is a block device that holds one volume.
//
// The framework opens Path once and checks what Sysfs and Verify promise on
// that open file before it reads or writes a byte; a device that has neither
// is refused unless Anonymous says why it can have none.
type Device struct {
	// Path is any path of the device node.
	Path string
	// Sysfs maps attributes below /sys/dev/block/MAJOR:MINOR, such as
	// "device/serial", "device/wwid" or "dm/uuid", to the value required,
	// white space trimmed.
	Sysfs map[string]string
	// Verify checks on the open device what sysfs cannot say, such as the
	// backing file of a loop device. It must not keep the file.
	Verify func(context.Context, *os.File) error
	// Anonymous is the reason why the device has no identity to check.
	Anonymous string
	// MinSize is the size in bytes that the device must have at least, if
	// known. A smaller device has not been grown yet: the RPC answers
	// UNAVAILABLE and is retried.
	MinSize int64
	// NeverFormat forbids mkfs, in addition to the framework's own reasons.
	NeverFormat bool
	// Blank promises of a volume that was copied from a snapshot or a volume
	// that nothing had ever been written to what it was copied from. It takes
	// away the reason not to format a copy: an empty copy of unknown history
	// is data that was lost, and stays as it is.
	Blank bool
	// ReadsZero promises that a new volume of this kind reads as zeros
	// everywhere, which allows a faster mkfs.
	ReadsZero bool
	// Fenced promises that no other node can have written to the volume as long
	// as the kernel shows the device as the same disk (its diskseq is the same):
	// the storage is this node's own, or a disk that is detached goes away here.
	// Then a volume whose unstage waits for a process with a copy of its mount
	// can be staged again meanwhile, with the file system that is alive: its
	// memory of the disk is right. If absent, staging waits too.
	Fenced bool
	// Format says how to format the device when it is new.
	Format Format
}

// Format says how a new device is formatted.
type Format struct {
	// FSType overrides the CO's file system type if it is not empty.
	FSType string
	// Encrypt is "" or "luks2": then the device is encrypted, with the
	// passphrase that the stage secrets have under "encryptionPassphrase",
	// and the file system is in the encryption. A class asks for the same by
	// fs.csikit.io/encrypt, without the backend.
	Encrypt string
	// Options are format options by the names that package fs lists; an
	// unknown name or value is refused before anything is written.
	Options map[string]string
}

// A Share is a file system that is ready to be mounted: nfs, cifs, a FUSE
// daemon, a directory.
type Share struct {
	// Type and Source are those of mount(8). Type "bind" binds the
	// directory Source.
	Type, Source string
	Options      []Option
	// Mount, if not nil, mounts the share on the empty directory given and
	// returns when it can be used. A daemon that it starts must live
	// outside the plugin's cgroup, so that a restart of the plugin leaves
	// mounted volumes alone.
	Mount func(ctx context.Context, target string) error
}

func (Device) source() {}
func (Share) source()  {}

// An Option is one mount option as data, never a comma string.
type Option = mount.Option
