package csi

import "context"

// An Ephemeral backend makes volumes that are declared inline in a pod and
// live as long as it does. [NodeVolume.ID] is the CO's, [NodeVolume.Context]
// holds the pod's attributes; the size is the attribute "size" (a Kubernetes
// quantity such as 1Gi).
// If absent, ephemeral volumes are refused.
type Ephemeral interface {
	// CreateEphemeral makes the volume if it is missing; Locate follows.
	CreateEphemeral(ctx context.Context, v NodeVolume) error
	// DeleteEphemeral deletes it. Only the ID is set, and only IDs that
	// EphemeralVolumes lists are given.
	DeleteEphemeral(ctx context.Context, v NodeVolume) error
	// EphemeralVolumes lists the ephemeral volumes of this node. It tells
	// the framework what is ephemeral at unpublish, and finds orphans. It is
	// also asked before CreateEphemeral: a volume that is not listed then is
	// deleted if it cannot be published.
	EphemeralVolumes(ctx context.Context) ([]string, error)
}
