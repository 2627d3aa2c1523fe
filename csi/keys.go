package csi

import (
	"strconv"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// The names of the things that operations exclude each other from (contract
// ruling 10). Every operation on a volume holds the volume: shared together
// with its own part, or exclusively.

func volumeKey(id string) string         { return "volume " + strconv.Quote(id) }
func volumeNameKey(name string) string   { return "volume named " + strconv.Quote(name) }
func snapshotKey(id string) string       { return "snapshot " + strconv.Quote(id) }
func snapshotNameKey(name string) string { return "snapshot named " + strconv.Quote(name) }
func groupKey(id string) string          { return "group snapshot " + strconv.Quote(id) }
func groupNameKey(name string) string    { return "group snapshot named " + strconv.Quote(name) }
func expandKey(id string) string         { return "size of volume " + strconv.Quote(id) }
func modifyKey(id string) string         { return "properties of volume " + strconv.Quote(id) }
func attachmentsKey(id string) string    { return "attachments of volume " + strconv.Quote(id) }

func attachKey(id, node string) string {
	return "volume " + strconv.Quote(id) + " on node " + strconv.Quote(node)
}

// partOf are the keys of an operation on one part of a volume.
func partOf(id string, part string) []keyop.Key {
	return []keyop.Key{keyop.Shared(volumeKey(id)), keyop.Exclusive(part)}
}
