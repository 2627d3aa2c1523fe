package csi

import "context"

// A Releaser undoes on the node what Locate did: detaches a loop device, logs
// out, unmaps.
// If absent, nothing is undone.
type Releaser interface {
	// Release gets the NodeVolume that Locate got, without its secrets, or
	// only its ID if the node's state was lost. It is called when nothing
	// uses the volume any more, is idempotent, and what is not there is
	// done. ctx outlives the RPC.
	//
	// A volume of [Traits].PerPod is located for each publish, and released
	// after each: other pods of the node may use it still.
	Release(ctx context.Context, v NodeVolume) error
}
