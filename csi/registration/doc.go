// Package registration tells the kubelet of a CSI driver, as the sidecar
// node-driver-registrar does, from within the driver: the node pod needs no
// second container.
//
// The kubelet watches a directory for sockets, asks each who it is
// (pluginregistration v1), and then calls NodeGetInfo at the endpoint that it
// was told. What [Run] takes care of:
//
//   - One socket per driver. It appears complete and replaces the one of a
//     process that was killed, so that the kubelet registers the new process
//     and not both.
//   - The version told is always 1.0.0. A higher one would let two processes be
//     registered under one name, and the kubelet would drop the newer of them
//     when the older leaves.
//   - The kubelet asks NodeGetInfo once. If it refuses the driver it never tries
//     again, so the socket is made anew, at growing intervals.
//   - The socket is made again if others remove or replace it.
//   - At the end it is unlinked only if it is still ours: the kubelet forgets the
//     driver by its name, also when a new process has taken over.
//
// A restart of the kubelet needs nothing: it finds the socket. Volumes that are
// mounted are not touched by any of this.
//
// Source: docs of the kubelet's plugin watcher in k8s.io/kubernetes
// (pkg/kubelet/pluginmanager), and what was seen of Kubernetes 1.34.
package registration
