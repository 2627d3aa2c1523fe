package csi

import (
	"context"
	"time"
)

// A Snapshotter cuts snapshots and makes volumes from them.
// If absent, the driver advertises neither CREATE_DELETE_SNAPSHOT nor
// GET_SNAPSHOT.
type Snapshotter interface {
	// CreateSnapshot returns the snapshot named spec.Name and cuts it if it
	// is missing. It returns when the snapshot is cut; Ready may come
	// later. A snapshot of that name of another volume is [ErrExists]. ctx
	// outlives the RPC.
	CreateSnapshot(ctx context.Context, spec SnapshotSpec) (*Snapshot, error)
	// DeleteSnapshot deletes the snapshot. [ErrNotFound] counts as done;
	// [ErrInUse] says that it was left untouched.
	DeleteSnapshot(ctx context.Context, s SnapshotRef) error
	// Snapshot describes one snapshot. One that lives where this instance
	// cannot reach it is [ErrExhausted], not [ErrNotFound], which is final.
	Snapshot(ctx context.Context, s SnapshotRef) (*Snapshot, error)
	// RestoreVolume is [Provisioner.CreateVolume] with the content of a
	// snapshot. The framework has checked that it is ready and not larger
	// than the volume. If there is no such snapshot (any more), it returns
	// the volume that was made of it before, or [ErrNotFound].
	RestoreVolume(ctx context.Context, s SnapshotRef, spec VolumeSpec) (*Volume, error)
}

// A SnapshotRef names a snapshot in a call.
type SnapshotRef struct {
	ID      string
	Secrets Secrets
}

// A SnapshotSpec is what a snapshot to be cut must be.
type SnapshotSpec struct {
	// Name is the CO's name for the snapshot: the key of idempotency.
	Name       string
	Volume     VolumeRef
	Parameters map[string]string
	Topology   TopologyRequirement
	Owner      Owner
}

// A Snapshot is a snapshot as its storage knows it.
type Snapshot struct {
	ID, VolumeID string
	// Group is the id of the group snapshot that this one belongs to, or "".
	Group string
	// Size in bytes is what a volume restored from it must have at least; 0
	// means unknown.
	Size    int64
	Created time.Time
	// Ready says that volumes can be made from it.
	Ready    bool
	Topology []Topology
}
