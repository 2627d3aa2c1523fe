package csi

import (
	"context"
	"time"
)

// A GroupSnapshotter cuts snapshots of several volumes at one moment.
// If absent, the driver advertises neither GROUP_CONTROLLER_SERVICE nor
// CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT. It needs a [Snapshotter], which
// restores the members.
type GroupSnapshotter interface {
	// CreateGroupSnapshot returns the group named spec.Name and cuts it if
	// it is missing: all volumes at one moment of the writes to them, or
	// [ErrInUse] if these volumes cannot be cut so. All or nothing: on a
	// final error no snapshot is left. A group of that name of other volumes
	// may be returned as it is, or be [ErrExists]. ctx outlives the RPC.
	CreateGroupSnapshot(ctx context.Context, spec GroupSpec) (*GroupSnapshot, error)
	// DeleteGroupSnapshot deletes the group with its snapshots. It is called
	// also if [GroupSnapshotter.GroupSnapshot] does not know the group, to
	// finish a deletion that was cut short. [ErrNotFound] counts as done;
	// [ErrInUse] says that it was left untouched. ctx outlives the RPC.
	DeleteGroupSnapshot(ctx context.Context, g GroupRef) error
	// GroupSnapshot describes a group with all snapshots of it that exist.
	GroupSnapshot(ctx context.Context, g GroupRef) (*GroupSnapshot, error)
}

// A GroupSpec is what a group snapshot to be cut must be.
type GroupSpec struct {
	// Name is the CO's name for the group: the key of idempotency.
	Name string
	// VolumeIDs are the volumes, each once, in no order.
	VolumeIDs  []string
	Parameters map[string]string
	Owner      Owner
	Secrets    Secrets
}

// A GroupRef names a group snapshot in a call.
type GroupRef struct {
	ID string
	// SnapshotIDs are the members as the CO knows them. The framework has
	// compared them with what GroupSnapshot says.
	SnapshotIDs []string
	Secrets     Secrets
}

// A GroupSnapshot is a group snapshot as its storage knows it.
type GroupSnapshot struct {
	ID      string
	Created time.Time
	// Members are the snapshots, one of each volume. The group is ready when
	// all of them are.
	Members []*Snapshot
}
