package csi

import "context"

// A CapacityReporter tells how much can be provisioned.
// If absent, the driver does not advertise GET_CAPACITY.
type CapacityReporter interface {
	Capacity(ctx context.Context, q CapacityQuery) (Capacity, error)
}

// A CapacityQuery narrows the question; each field may be empty.
type CapacityQuery struct {
	Access     []Access
	Parameters map[string]string
	Topology   Topology
}

// Capacity is what can be provisioned, in bytes. MaxVolume and MinVolume are
// the limits of one volume; 0 means that there is none to tell.
type Capacity struct{ Available, MaxVolume, MinVolume int64 }
