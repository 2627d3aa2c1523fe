// Package metrics gives a driver Prometheus metrics: what its RPCs do and what
// its operations wait for.
//
//	m := metrics.New()
//	opts := &csi.Options{}
//	m.Observe(opts)
//	d, err := csi.New("local.csi.example.com", backend, opts)
//	...
//	m.Watch(d)
//	http.Handle("/metrics", m.Handler())
//
// RPCs have the usual names of gRPC servers: grpc_server_started_total,
// grpc_server_handled_total (by method and code) and
// grpc_server_handling_seconds (by method). Operations, which outlive RPCs, have
//
//   - csikit_operations (by rpc and state, running or waiting): in flight now;
//   - csikit_operation_oldest_seconds (by rpc and state): the age of the oldest
//     one, which grows without end if one is stuck;
//   - csikit_operations_started_total and csikit_operations_joined_total;
//   - csikit_operation_wait_seconds: how many had to wait for another one, and
//     for how long in all.
//
// It is a package of its own so that package csi does not need Prometheus.
package metrics
