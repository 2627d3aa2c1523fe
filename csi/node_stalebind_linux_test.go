package csi_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/internal/namelock"
	"github.com/csikit/csikit/mount"
)

// replaced stages volume "v" raw and then gives its loop device to another
// image: the bind of the node stays, and means the other one.
func replaced(t *testing.T, only *mount.Features) (rawVolume, *loopFake, string) {
	n, backend := newLoopNodeOn(t, only, "v", "other")
	v := rawVolume{n, csi.SingleNodeMultiWriter}
	require.NoError(t, v.stageRaw())
	path := backend.device(t, "v")
	t.Cleanup(func() { _ = backend.Release(context.Background(), csi.NodeVolume{ID: "other"}) })
	return v, backend, path
}

// TestR17_AStaleBindIsStagedAnew: what is bound is not the volume's device any
// more, and nothing is published from it.
func TestR17_AStaleBindIsStagedAnew(t *testing.T) { eachKernel(t, testR17AStaleBindIsStagedAnew) }

func testR17AStaleBindIsStagedAnew(t *testing.T, only *mount.Features) {
	for name, sameNumber := range map[string]bool{"another number": false, "the same number": true} {
		t.Run(name, func(t *testing.T) {
			v, backend, path := replaced(t, only)
			image := backend.image("other")
			if sameNumber {
				image = backend.image("v")
			}
			replace(t, path, image)
			other := backend.hash(t, "other")
			require.NoError(t, v.stageRaw())
			require.NoError(t, v.stageRaw(), "again")
			require.NoError(t, v.publishRaw("pod", false))
			require.NoError(t, v.writes("pod"))
			require.NoError(t, v.unpublish("v", v.path("pod")))
			require.NoError(t, v.unstage("v"))
			require.Equal(t, other, backend.hash(t, "other"))
			require.Equal(t, "written", readAt(t, backend.image("v"), 4096, 7))
			v.nothingLeft()
		})
	}
}

func readAt(t *testing.T, path string, at, n int64) string {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data := make([]byte, n)
	_, err = f.ReadAt(data, at)
	require.NoError(t, err)
	return string(data)
}

// TestR17_AStaleBindThatIsUsedStays: what is published is never touched, whether
// it is written down or only mounted.
func TestR17_AStaleBindThatIsUsedStays(t *testing.T) { eachKernel(t, testR17AStaleBindThatIsUsedStays) }

func testR17AStaleBindThatIsUsedStays(t *testing.T, only *mount.Features) {
	v, backend, path := replaced(t, only)
	require.NoError(t, v.publishRaw("pod", false))
	replace(t, path, backend.image("other"))
	mounts := v.mounts()
	refused := func(words ...string) {
		t.Helper()
		v.want(codes.AlreadyExists, v.stageRaw(), append(words, "unstage it first")...)
		require.Equal(t, mounts, v.mounts())
	}
	refused(v.path("pod"))
	require.NoError(t, os.RemoveAll(filepath.Join(v.opts.StateDir, "targets")))
	refused(v.path("pod"))
	require.NoError(t, os.RemoveAll(filepath.Join(v.opts.StateDir, "volumes")))
	refused()
	v.restart()
	refused()
	require.Zero(t, backend.released)

	require.NoError(t, unix.Unmount(v.path("pod"), 0))
	require.NoError(t, os.Remove(v.path("pod")))
	require.NoError(t, v.unstage("v"))
	v.nothingLeft()
}

// TestR17_AnotherVolumeHasTheNumberOfAStaleBind: what is published of that one
// is no use of this one, and stays.
func TestR17_AnotherVolumeHasTheNumberOfAStaleBind(t *testing.T) {
	looptest.NeedRoot(t)
	v, backend, path := replaced(t, nil)
	replace(t, path, backend.image("other"))
	staged := func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(v.mode) }
	published := func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = rawAccess(v.mode) }
	require.NoError(t, v.stage("other", staged))
	require.NoError(t, v.publish("other", v.path("other"), published))
	require.NoError(t, v.stageRaw())
	require.NoError(t, v.publishRaw("v", false))
	for _, id := range []string{"other", "v"} {
		require.NoError(t, v.writes(id))
		require.NoError(t, v.unpublish(id, v.path(id)))
		require.NoError(t, v.unstage(id))
		require.Equal(t, "written", readAt(t, backend.image(id), 4096, 7))
	}
	v.nothingLeft()
}

// TestRuling12_ProcessesExcludeEachOther: what another process of the plugin
// does with a volume is waited for.
func TestRuling12_ProcessesExcludeEachOther(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	unlock, err := namelock.File(filepath.Join(n.opts.StateDir, "lock")).TryLock(`volume "v"`, namelock.Exclusive)
	require.NoError(t, err)
	stage := n.stageRequest("v")
	publish := n.publishRequest("v", n.path("pod"))
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := n.NodeStageVolume(ctx, stage); return err },
		func(ctx context.Context) error { _, err := n.NodePublishVolume(ctx, publish); return err },
		func(ctx context.Context) error {
			_, err := n.NodeUnpublishVolume(ctx, &csipb.NodeUnpublishVolumeRequest{VolumeId: "v", TargetPath: n.path("pod")})
			return err
		},
		func(ctx context.Context) error {
			_, err := n.NodeUnstageVolume(ctx, &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: n.stagingPath("v")})
			return err
		},
	} {
		short, cancel := context.WithTimeout(t.Context(), time.Second) // a tenth is for the answer's way, which is long in the virtual machine
		n.want(codes.Aborted, call(short))
		cancel()
	}
	require.Len(t, table.Mounts(), 1)
	require.NoError(t, n.stage("w"), "another volume is free")
	require.NoError(t, n.unstage("w"))
	unlock()
	require.NoError(t, n.publish("v", n.path("pod")))
	require.NoError(t, n.unpublish("v", n.path("pod")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}
