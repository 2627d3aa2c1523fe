package csi_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

func (n *nodeUnderTest) health(id, target, staging string) ([]string, error) {
	r, err := n.NodeGetVolumeHealth(n.Context(), &csipb.NodeGetVolumeHealthRequest{VolumeId: id, VolumePublishPath: target, StagingTargetPath: staging})
	return entries(r.GetVolumeHealth()), err
}

// A knowingFake knows the health of volumes on this node.
type knowingFake struct {
	nodeFake
	asked    []csi.StagedVolume
	problems []csi.Problem
	err      error
}

func (f *knowingFake) NodeVolumeHealth(_ context.Context, v csi.StagedVolume) ([]csi.Problem, error) {
	f.asked = append(f.asked, v)
	return f.problems, f.err
}

func TestNodeHealth_OfWhatIsNotThere(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	_, err := n.health("v", n.path("x"), n.stagingPath("v"))
	n.want(codes.NotFound, err)
	_, err = n.health("v", "", "")
	n.want(codes.NotFound, err)
	_, err = n.health("", "", "")
	n.want(codes.InvalidArgument, err, "volume_id")
	_, err = n.health("v", "relative", "")
	n.want(codes.InvalidArgument, err, "volume_publish_path")

	require.NoError(t, n.stage("v"))
	healthy, err := n.health("v", n.path("not/published"), n.stagingPath("v"))
	require.NoError(t, err, "it is staged at least")
	require.Empty(t, healthy)
	healthy, err = n.health("v", "", "")
	require.NoError(t, err, "both paths are optional")
	require.Empty(t, healthy)
	_, err = n.health("other", "", n.stagingPath("v"))
	n.want(codes.NotFound, err)
}

// deadMounts are mounts whose server or daemon is gone.
type deadMounts struct {
	*mounttest.Table
	dead error
}

func (m *deadMounts) Find(target string) (mount.Info, error) {
	info, err := m.Table.Find(target)
	info.Dead = m.dead
	return info, err
}

func TestNodeHealth_DeadMount(t *testing.T) {
	table := &deadMounts{Table: &mounttest.Table{}}
	n := startNode(t, &nodeFake{}, t.TempDir(), csi.Options{Mounts: table})
	require.NoError(t, n.stage("v"))
	table.dead = syscall.ESTALE
	ill, err := n.health("v", "", n.stagingPath("v"))
	require.NoError(t, err)
	require.Equal(t, []string{"INACCESSIBLE MountDead stale file handle"}, ill)
}

func TestNodeHealth_WhatTheBackendKnows(t *testing.T) {
	backend := &knowingFake{problems: []csi.Problem{{Kind: csi.Degraded, Reason: "PathLost"}}}
	n, _ := newNode(t, backend)
	ill, err := n.health("v", "", n.stagingPath("v"))
	require.NoError(t, err, "it could not be staged, and the backend knows why (spec, NodeGetVolumeHealth)")
	require.Equal(t, []string{"DEGRADED PathLost "}, ill)
	require.Equal(t, csi.StagedVolume{ID: "v", StagingPath: n.stagingPath("v")}, backend.asked[0])

	backend.err = csi.ErrUnsupported
	_, err = n.health("v", "", n.stagingPath("v"))
	n.want(codes.NotFound, err, "v")
	require.NoError(t, n.stage("v"))
	_, err = n.health("v", "", n.stagingPath("v"))
	require.NoError(t, err)
	backend.err = csi.ErrUnavailable
	_, err = n.health("v", "", n.stagingPath("v"))
	n.want(codes.Unavailable, err)
}
