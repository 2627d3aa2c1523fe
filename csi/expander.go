package csi

import "context"

// An Expander grows volumes, in the controller service.
// If absent, the controller does not advertise EXPAND_VOLUME; a driver that
// has a [NodeExpander] then grows volumes on their node alone.
type Expander interface {
	// ExpandVolume grows the volume to a size within e.Size; a volume that
	// is large enough is left alone. Shrinking never happens. It may run
	// beside [Modifier.ModifyVolume] of the same volume, so that a backend
	// can make one change of both. ctx outlives the RPC.
	ExpandVolume(ctx context.Context, e Expansion) (Expanded, error)
}

// A NodeExpander makes a grown volume visible on its node: rescans the bus,
// sets the size of a loop device, extends a logical volume. The framework
// then grows the file system.
// If absent, the device is expected to have its new size by itself. A driver
// with neither Expander nor NodeExpander has no expansion.
type NodeExpander interface {
	// GrowDevice makes e.Device at least e.Size.Required large. It is
	// idempotent. A volume that the storage has not grown yet is
	// [ErrUnavailable]. ctx outlives the RPC.
	GrowDevice(ctx context.Context, e Expansion) error
}

// An Expansion is a volume and the size it is to have.
type Expansion struct {
	// VolumeRef's Context is always empty here.
	VolumeRef
	Size SizeRange
	// Access is nil if the CO did not say how the volume is used.
	Access *Access
	// Device is the path of the open device and StagingPath the volume's
	// staging path; both only on the node. Device stays valid for the call.
	Device, StagingPath string
}

// Expanded is the result of a growth by the controller.
type Expanded struct {
	// Size is the volume's size in bytes now.
	Size int64
	// NoNodeWork says that nothing is left to do on the node, as with a
	// quota; else the claim stays pending until a pod mounts it.
	NoNodeWork bool
}
