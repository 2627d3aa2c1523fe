package csi

import "context"

// A Modifier changes properties of volumes by VolumeAttributesClass.
// If absent, the driver does not advertise MODIFY_VOLUME.
type Modifier interface {
	// ModifyVolume changes the properties given and no others. [ErrInvalid]
	// (an unknown key, a bad value) means that nothing was applied. ctx
	// outlives the RPC.
	ModifyVolume(ctx context.Context, m Modification) error
}

// A Modification is a volume and the parameters it is to have.
type Modification struct {
	VolumeRef
	Parameters map[string]string
	Owner      Owner
}
