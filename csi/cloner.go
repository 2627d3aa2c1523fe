package csi

import "context"

// A Cloner makes volumes from volumes.
// If absent, the driver does not advertise CLONE_VOLUME.
type Cloner interface {
	// CloneVolume is [Provisioner.CreateVolume] with the content that the
	// source has at some moment during the call. The framework has checked
	// that the source is not larger than the volume. If there is no such
	// source (any more), it returns the clone that was made of it before, or
	// [ErrNotFound].
	CloneVolume(ctx context.Context, source VolumeRef, spec VolumeSpec) (*Volume, error)
}
