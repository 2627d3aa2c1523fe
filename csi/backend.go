package csi

import "context"

// A Locator says where a volume is on this node. It is all that [New]
// requires: a driver of pre-provisioned or ephemeral volumes needs no more.
//
// Locate runs on the node with none of the plugin's own provider credentials;
// it may log in and map devices. The same input gives the same answer: the
// framework calls it again after a crash, a retry and a restart. It may wait
// for a device to appear until ctx ends, which is when the last caller that
// waits for the RPC has left; it then returns ctx.Err() or [ErrUnavailable],
// and may be called again. It never formats, mounts or grows anything.
type Locator interface {
	Locate(ctx context.Context, v NodeVolume) (Source, error)
}

// A Provisioner makes, deletes and describes volumes. It is called in the
// controller service.
// If absent, the driver does not advertise CREATE_DELETE_VOLUME and volumes
// are made by hand.
type Provisioner interface {
	// CreateVolume returns the volume named spec.Name and makes it if it is
	// missing: never a second one of that name, not even when two processes
	// call at once. It returns when the volume can be used. The framework
	// compares size, source and topology of what is returned with spec;
	// a backend that can tell that other properties differ returns
	// [ErrExists]. ctx outlives the RPC that started the call.
	CreateVolume(ctx context.Context, spec VolumeSpec) (*Volume, error)

	// DeleteVolume deletes the volume. [ErrNotFound] counts as done.
	// [ErrInUse] says that the volume is attached or mounted, or that
	// something depends on it, and that it was left untouched: DeleteVolume
	// never detaches. ctx outlives the RPC that started the call.
	DeleteVolume(ctx context.Context, v VolumeRef) error

	// Volume describes one volume. [ErrNotFound] is returned only if the
	// volume is surely gone: the resizer and the kubelet read it as final.
	Volume(ctx context.Context, v VolumeRef) (*Volume, error)
}

// A Backend is a storage system as a driver author describes it: the four
// methods of [Provisioner] and [Locator]. Every other ability is an optional
// interface of this package, discovered once by [New].
//
// Methods are called concurrently. The framework serialises mutating calls
// on one volume within this process only; exclusion between processes, such
// as a new leader beside an old one, is the storage's business.
type Backend interface {
	Provisioner
	Locator
}
