package csi

import "context"

// A Populator writes files into a pod's volume: secrets, certificates. It
// requires [Traits.PerPod].
// If absent, volumes are published as they are.
type Populator interface {
	// Populate writes into dir, before the mount can be seen by the pod,
	// and again in place at each republish.
	Populate(ctx context.Context, dir string, v NodeVolume) error
}
