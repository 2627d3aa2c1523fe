package csi

import "context"

// A Prober says whether the backend can work.
// If absent, the driver is ready once it serves and its host tools are there.
type Prober interface {
	// Probe returns nil if ready, an error that wraps [ErrPending] while
	// starting, and any other error if unhealthy.
	Probe(ctx context.Context) error
}
