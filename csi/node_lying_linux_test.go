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

// A lyingTable makes another mount than it is asked for, and says that all is
// well; or makes the right one and says that it failed.
type lyingTable struct {
	mount.Table
	mount func(*mount.Mount)
	bind  func(*mount.Binding)
	fail  error
}

func (l *lyingTable) Mount(ctx context.Context, m mount.Mount, target string) error {
	if l.mount != nil {
		l.mount(&m)
	}
	return errors.Join(l.Table.Mount(ctx, m, target), l.fail)
}

func (l *lyingTable) Bind(ctx context.Context, b mount.Binding) error {
	if l.bind != nil {
		l.bind(&b)
	}
	return l.Table.Bind(ctx, b)
}

// lie puts a lyingTable in front of the node's mounts.
func (n *nodeUnderTest) lie() *lyingTable {
	l := &lyingTable{Table: n.opts.Mounts}
	n.opts.Mounts = l
	n.restart()
	return l
}

// TestR4_WhatWasStagedIsLookedAt: R18, by effect and not by an exit code. What is
// not what was asked for is taken away again (rule 40).
func TestR4_WhatWasStagedIsLookedAt(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	n.lie().mount = func(m *mount.Mount) { m.ReadOnly = true }
	n.want(codes.FailedPrecondition, n.stage("v"), "read-only")
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()

	m, table := newNode(t, &nodeFake{})
	m.lie().mount = func(m *mount.Mount) { m.ReadOnly = false }
	m.want(codes.FailedPrecondition, m.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "")
	}), "can be written")
	require.Empty(t, table.Mounts())
	m.nothingLeft()
}

// TestR5_WhatWasPublishedIsLookedAt likewise.
func TestR5_WhatWasPublishedIsLookedAt(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v"))
	l := n.lie()
	l.bind = func(b *mount.Binding) { b.ReadOnly = !b.ReadOnly }
	target := n.path("pod/mount")
	n.want(codes.AlreadyExists, n.publish("v", target, forReading), "can be written")
	require.NoDirExists(t, target)
	n.want(codes.AlreadyExists, n.publish("v", target), "read-only")
	require.NoDirExists(t, target)
	require.Equal(t, 1, n.mounts())
	l.bind = nil
	require.NoError(t, n.publish("v", target))
	require.NoError(t, n.unpublish("v", target))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR4_AHalfStagedVolumeIsNotPublished: what is mounted has not been verified,
// since the call that mounted it has failed.
func TestR4_AHalfStagedVolumeIsNotPublished(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	l := n.lie()
	l.fail = errors.New("strange")
	n.want(codes.Unavailable, n.stage("v"), "strange")
	require.Equal(t, 1, n.mounts(), "the retry goes on from there")
	n.want(codes.FailedPrecondition, n.publish("v", n.path("pod/mount")), "has not succeeded")
	_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: n.stagingPath("v")})
	n.want(codes.Unavailable, err, "not staged")
	l.fail = nil
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", n.path("pod/mount")))
	require.NoError(t, n.unpublish("v", n.path("pod/mount")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR17_ADeviceThatGoesWhileItIsBound is proven once more after the bind.
func TestR17_ADeviceThatGoesWhileItIsBound(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	looks := 0
	backend.set(func(d *csi.Device) {
		d.Verify = func(context.Context, *os.File) error {
			if looks++; looks > 1 {
				return csi.ErrInUse
			}
			return nil
		}
	})
	n.want(codes.FailedPrecondition, rawVolume{n, csi.SingleNodeWriter}.stageRaw())
	require.Equal(t, 2, looks)
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()
}
