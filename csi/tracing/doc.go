// Package tracing gives a driver OpenTelemetry traces.
//
//	opts := &csi.Options{}
//	tracing.Observe(opts, provider)
//	d, err := csi.New("local.csi.example.com", backend, opts)
//
// Each RPC is a span of the caller's trace (otelgrpc). The work that an RPC
// starts outlives it and may be shared by several RPCs, so an operation is the
// root span of a trace of its own, linked to every RPC that waited for it, and
// they to it (contract ruling 13). Spans carry volume ids and request ids; no
// request is recorded, and no secret.
//
// The program chooses the exporter: this package depends on none.
package tracing
