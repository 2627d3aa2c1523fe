package csi

import "slices"

// A Describer states facts of the storage that are not methods. It is asked
// once, by [New].
// If absent, the zero Traits hold.
type Describer interface{ Traits() Traits }

// Traits are facts of a storage system that no method expresses.
type Traits struct {
	// Mount and Block list the access modes of volumes with a file system
	// and of raw volumes. nil means the four single-node modes; empty but
	// not nil means that the driver has no such volumes.
	Mount, Block []AccessMode
	// TopologyKeys are the keys that [NodeDescriber.DescribeNode] returns.
	// If not empty, the driver advertises VOLUME_ACCESSIBILITY_CONSTRAINTS.
	TopologyKeys []string
	// SnapshotTopology advertises SNAPSHOT_ACCESSIBILITY_CONSTRAINTS.
	SnapshotTopology bool
	// ReadOnlyAttach advertises PUBLISH_READONLY: [Attacher.Attach] honours
	// [Attachment.ReadOnly].
	ReadOnlyAttach bool
	// OfflineExpansion advertises expansion as OFFLINE instead of ONLINE.
	OfflineExpansion bool
	// PerPod says that nothing is staged: Locate is called at each publish,
	// with the pod and the publish secrets, and returns a [Share].
	PerPod bool
	// MountGroup advertises VOLUME_MOUNT_GROUP, which turns the kubelet's
	// fsGroup off for the whole driver: only for a driver all of whose
	// sources are shares that take a gid= option.
	MountGroup bool
}

// without drops the facts about abilities that the operator has turned off.
func (t Traits) without(disable []string) Traits {
	off := func(name string) bool { return slices.Contains(disable, name) }
	t.ReadOnlyAttach = t.ReadOnlyAttach && !off("Attacher")
	t.SnapshotTopology = t.SnapshotTopology && !off("Snapshotter")
	t.OfflineExpansion = t.OfflineExpansion && !(off("Expander") && off("NodeExpander"))
	return t
}
