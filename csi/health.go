package csi

import (
	"context"
	"iter"
)

// A HealthReporter knows what is wrong with a volume, wherever it is attached.
// If absent, the driver does not advertise the controller's GET_VOLUME_HEALTH.
type HealthReporter interface {
	// VolumeHealth returns all that is wrong with a volume now, or nothing.
	// [ErrNotFound] says that the volume is surely gone.
	VolumeHealth(ctx context.Context, v VolumeRef) ([]Problem, error)
}

// A HealthLister lists the volumes that something is wrong with. It needs a
// [HealthReporter].
// If absent, the driver does not advertise LIST_VOLUME_HEALTH.
type HealthLister interface {
	// UnhealthyVolumes yields the problems of all volumes of this driver, in
	// any order: the framework sorts, joins those of one volume and pages.
	// Volumes without a problem are left out. An error ends the listing.
	UnhealthyVolumes(ctx context.Context, q ListQuery) iter.Seq2[VolumeProblem, error]
}

// A NodeHealthReporter knows what is wrong with a volume on this node.
// If absent, only what the framework sees itself is told: a device that is gone,
// a file system that does not answer, fails, or has become read-only. Linux before
// 6.15 does not tell that an ext4 was shut down.
type NodeHealthReporter interface {
	// NodeVolumeHealth returns what else is wrong. Path is where the volume is,
	// or was to be, published, StagingPath where it is staged; Device is ""
	// if nothing is mounted there. It must not wait for the volume.
	NodeVolumeHealth(ctx context.Context, v StagedVolume) ([]Problem, error)
}

// A HealthKind says how bad a problem is.
type HealthKind int8

// The kinds of problems that the specification knows.
const (
	// Degraded volumes can be used, but not as well as they should.
	Degraded HealthKind = iota + 1
	// Inaccessible volumes cannot be used: from nowhere if the controller says
	// so, not from this node if the node does.
	Inaccessible
	// DataLoss is permanent, and known or strongly suspected. Users may restore
	// a snapshot then.
	DataLoss
)

// A Problem is what is wrong with a volume, for as long as it is wrong.
type Problem struct {
	Kind HealthKind
	// Reason is a short CamelCase word for programs, such as "IOStalled".
	// Message is for people and may be empty.
	Reason, Message string
}

// A VolumeProblem is a problem and the id of its volume.
type VolumeProblem struct {
	ID string
	Problem
}
