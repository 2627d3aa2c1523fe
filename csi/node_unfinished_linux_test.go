package csi_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
)

// TestRule40_WhatAnEarlierAttemptLeftIsUndone: a first attempt has mounted and
// its outcome is unknown. A final error of the second one says that nothing
// exists: the kubelet takes it so, and would never unstage.
func TestRule40_WhatAnEarlierAttemptLeftIsUndone(t *testing.T) {
	eachKernel(t, testWhatAnEarlierAttemptLeft)
}

func testWhatAnEarlierAttemptLeft(t *testing.T, only *mount.Features) {
	n, backend := newLoopNodeOn(t, only, "v")
	raw := func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }
	proofs := 0
	backend.set(func(d *csi.Device) {
		verify := d.Verify
		d.Verify = func(ctx context.Context, f *os.File) error {
			switch proofs++; proofs {
			case 1:
				return verify(ctx, f)
			case 2:
				return errors.New("the array does not answer")
			}
			return csi.ErrInUse
		}
	})
	n.want(codes.Unavailable, n.stage("v", raw))
	require.Equal(t, 1, n.mounts(), "it has been bound")
	n.want(codes.FailedPrecondition, n.stage("v", raw))
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()
	left, err := os.ReadDir(n.stagingPath("v"))
	require.NoError(t, err)
	require.Empty(t, left)

	backend.set(nil)
	require.NoError(t, n.stage("v", raw))
	backend.set(func(d *csi.Device) { d.Verify = func(context.Context, *os.File) error { return csi.ErrInUse } })
	n.want(codes.FailedPrecondition, n.stage("v", raw))
	require.Equal(t, 1, n.mounts(), "what has been staged stays")
	backend.set(nil)
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestRule40_AKillBeforeTheEndOfAStage leaves a file system that is mounted.
func TestRule40_AKillBeforeTheEndOfAStage(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	sharedPath{nodeUnderTest: n}.rewrite(`"phase":"staged"`, `"phase":"staging"`)
	backend.set(func(d *csi.Device) { d.Verify = func(context.Context, *os.File) error { return csi.ErrInUse } })
	n.want(codes.FailedPrecondition, n.stage("v", fstype("ext4")))
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()
}
