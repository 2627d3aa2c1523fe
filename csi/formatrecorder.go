package csi

import "context"

// A FormatRecorder keeps a durable mark beside the volume that says that it
// has once been formatted: in a pool's metadata, a tag, an image's header. It
// must be such that the node itself can write it. A volume that has the mark
// and reads as empty is never formatted: something is wrong with its device.
// If absent, proof that the device is empty is all there is.
type FormatRecorder interface {
	Formatted(ctx context.Context, v NodeVolume) (bool, error)
	MarkFormatted(ctx context.Context, v NodeVolume) error
}
