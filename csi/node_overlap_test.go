package csi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// Two processes of the plugin overlap when it is updated: the old one finishes
// what the new one is asked for again.

// TestOverlap_WhatAnotherProcessMountedIsNotUndone: the mount appears between
// this call's look and its own mount. To answer with a final error would undo
// what the other process is about to report as done.
func TestOverlap_WhatAnotherProcessMountedIsNotUndone(t *testing.T) {
	for _, op := range []string{"mount", "bind"} {
		t.Run(op, func(t *testing.T) {
			table := &mounttest.Table{}
			n := startNode(t, &nodeFake{}, t.TempDir(), csi.Options{Mounts: table})
			target := n.path("pod/mount")
			other := func() {}
			table.Fault = func(called, at string) error {
				if called == op {
					other()
				}
				return nil
			}
			place, call := n.stagingPath("v"), func() error { return n.stage("v") }
			info := mount.Info{Root: "/", Type: "nfs", Source: "server:/v"}
			if op == "bind" {
				require.NoError(t, n.stage("v"))
				info = mountedAt(table, place)[0].Info
				place, call = target, func() error { return n.publish("v", target) }
			}
			other = func() {
				other = func() {}
				table.Stack(mounttest.Entry{Target: place, Info: info})
			}
			n.want(codes.Aborted, call())
			require.Len(t, mountedAt(table, place), 1, "what the other process mounted is still there")
			require.NoError(t, call(), "and the retry accepts it")
		})
	}
}
