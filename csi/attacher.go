package csi

import "context"

// An Attacher attaches volumes to nodes, in the controller service.
// If absent, the driver does not advertise PUBLISH_UNPUBLISH_VOLUME, and every
// volume can be located on every node that its topology allows.
type Attacher interface {
	// Attach attaches the volume and returns what Locate needs to find it.
	// Attaching again returns the same. It never waits for the detachment
	// from another node: a volume that is attached elsewhere and cannot be
	// shared is [ErrInUse], and the message names that node. A node that
	// does not exist is [ErrNotFound], a full one [ErrExhausted]. ctx
	// outlives the RPC, but ends when the volume is to be detached.
	Attach(ctx context.Context, a Attachment) (publishContext map[string]string, err error)

	// Detach returns nil only if the volume is proven not to be attached
	// to a.Node (to any node if that is empty); ErrNotFound is no such
	// proof. The framework has ended a running Attach before.
	Detach(ctx context.Context, a Attachment) error
}

// An Attachment is a volume and the node that it is attached to.
type Attachment struct {
	VolumeRef
	Node     string
	Access   Access
	ReadOnly bool
}
