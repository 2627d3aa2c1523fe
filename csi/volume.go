package csi

// A VolumeRef names a volume in a call.
type VolumeRef struct {
	// ID is the volume's id as [Provisioner.CreateVolume] returned it, or
	// the volumeHandle of a PersistentVolume made by hand.
	ID string
	// Context is [Volume.Context]. It is set only at attach and at
	// validation: no other controller RPC carries it.
	Context map[string]string
	// Secrets are those that the RPC carried, if any.
	Secrets Secrets
}

// A VolumeSpec is what a volume to be made must be.
type VolumeSpec struct {
	// Name is the CO's name for the volume: the key of idempotency.
	Name string
	// Size is the range that the volume's size must lie in.
	Size SizeRange
	// Access lists the ways in which the volume will be used. All of them
	// must be possible.
	Access []Access
	// Parameters are those of the StorageClass, without the keys
	// csi.storage.k8s.io/* (see Owner) and fs.csikit.io/* (the framework's).
	Parameters map[string]string
	// Mutable are the parameters of the VolumeAttributesClass. They win
	// over Parameters.
	Mutable map[string]string
	// Topology says where the volume must be reachable.
	Topology TopologyRequirement
	// Owner names who the volume is for, as far as the sidecar says.
	Owner Owner
	// Secrets are the provisioner secrets of the StorageClass.
	Secrets Secrets
}

// A Volume is a volume as its storage knows it.
type Volume struct {
	// ID identifies the volume in every later call; at most 128 bytes.
	ID string
	// Size is the capacity in bytes; 0 means unknown.
	Size int64
	// Context is handed to [Attacher.Attach] and [Locator.Locate]. It never
	// changes, holds no secret, and the ID alone must suffice to find the
	// volume. At most 4 KiB in all.
	Context map[string]string
	// Source is what the volume was made from. It must be stored: the CO
	// deletes a restored volume that does not say so.
	Source ContentSource
	// Topology lists where the volume is reachable; empty means everywhere.
	Topology []Topology
	// Attached lists the nodes that the volume is attached to. It is
	// required of an [Attacher].
	Attached []Attached
}

// ContentSource names what a volume is made from. At most one field is set.
type ContentSource struct{ Snapshot, Volume string }

// IsZero reports whether the volume starts empty.
func (s ContentSource) IsZero() bool { return s == ContentSource{} }

// Attached is one attachment of a volume.
type Attached struct {
	Node     string
	ReadOnly bool
}

// Owner names the Kubernetes objects that a volume or a snapshot is made for:
// the claim (or VolumeSnapshot) and the PersistentVolume (or
// VolumeSnapshotContent). It is empty unless the sidecar runs with
// --extra-create-metadata, and is for tags and log lines, never for identity.
type Owner struct{ Namespace, Name, Object string }
