package fs

import (
	"fmt"
	"strings"
)

// A State is what a probe can say about a device.
type State int

const (
	// Unreadable says nothing is known: a read failed, fell short or was
	// cancelled. It is the zero value.
	Unreadable State = iota
	// Known is exactly one recognised file system, table or container.
	Known
	// Empty is proven to hold nothing. It alone may be formatted.
	Empty
	// NonEmptyUnknown holds data that is not recognised.
	NonEmptyUnknown
	// Ambiguous holds signatures of more than one thing.
	Ambiguous
)

var stateNames = [...]string{"unreadable", "known", "empty", "unknown data", "ambiguous"}

// String names the state, for messages.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return stateNames[s]
}

// Content is what a probe found on a device.
type Content struct {
	// State says which of the other fields mean something: all if Known,
	// Evidence always.
	State State
	// Type is what blkid calls it: "ext4", "xfs", "btrfs", "crypto_LUKS",
	// "LVM2_member", "swap", "linux_raid_member", "gpt", "dos" and so on.
	Type string
	// UUID is in lower case, or empty if the type has none that is read.
	UUID string
	// Version is that of the header if the type is [TypeLUKS], 0 otherwise.
	Version int
	// Size is that of the file system in bytes, 0 if not known.
	Size int64
	// Clean says that the file system was unmounted and has no errors on
	// record, as far as its superblock tells. Only ext2, ext3, ext4 tell
	// more than that they are complete.
	Clean bool
	// NeedsCheck says that an ext file system has errors on record or was
	// not unmounted. See [Device.Check].
	NeedsCheck bool
	// InProgress says that mkfs did not end. [Device.Format] with the same
	// type and UUID completes it; anything else must leave it alone.
	InProgress bool
	// Evidence is what was read where, for messages.
	Evidence []string

	// offset is where it was found.
	offset int64
	// checked says that the checksum of a file system's superblock is right,
	// and files is where its files begin; mayBeFile says that this, if it
	// lies there, can be what somebody wrote to a file.
	checked   bool
	files     int64
	mayBeFile bool
	// complete says that only the intent is left to be removed.
	complete bool
	// geometry is that of an ext file system.
	geometry geometry
}

// String describes the content for messages.
func (c Content) String() string {
	var b strings.Builder
	b.WriteString(c.State.String())
	if c.State == Known {
		b.Reset()
		if c.InProgress {
			b.WriteString("half-made ")
		}
		b.WriteString(c.Type)
		if c.UUID != "" {
			b.WriteString(" " + c.UUID)
		}
	}
	if len(c.Evidence) > 0 {
		b.WriteString(" (" + strings.Join(c.Evidence, "; ") + ")")
	}
	return b.String()
}
