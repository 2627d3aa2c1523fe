// Package sanity runs csi-sanity, the conformance test of the Kubernetes CSI
// project (github.com/kubernetes-csi/csi-test), as an ordinary Go test of a
// backend. It is apart from package csitest so that only tests that want it
// link its test framework.
//
// It tests less than csitest.Run: nothing at once, no faults, no restarts, no
// second node, no paging, no data. But it is what others run.
package sanity
