package csi

import (
	"context"
	"iter"
)

// A VolumeLister lists the driver's volumes.
// If absent, the driver does not advertise LIST_VOLUMES. With an [Attacher] it
// also advertises LIST_VOLUMES_PUBLISHED_NODES.
type VolumeLister interface {
	// ListVolumes yields all volumes of this driver, in any order: the
	// framework sorts and pages. An error ends the listing.
	ListVolumes(ctx context.Context, q ListQuery) iter.Seq2[*Volume, error]
}

// A SnapshotLister lists the driver's snapshots.
// If absent, the driver does not advertise LIST_SNAPSHOTS.
type SnapshotLister interface {
	// ListSnapshots yields all snapshots of this driver that are cut, in
	// any order. An error ends the listing.
	ListSnapshots(ctx context.Context, q ListQuery) iter.Seq2[*Snapshot, error]
}

// A ListQuery narrows a listing. VolumeID is a hint: the framework filters
// again.
type ListQuery struct {
	VolumeID string
	Secrets  Secrets
}
