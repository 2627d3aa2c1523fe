package csi_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/mount"
)

// TestR17_APublishedRawDeviceIsNotReleased by a stage that is refused for good, or
// by an unstage of another path, while its staging bind is lost: the next volume
// that gets its number would be written by the pod.
func TestR17_APublishedRawDeviceIsNotReleased(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	v := rawVolume{n, csi.SingleNodeWriter}
	require.NoError(t, v.stageRaw())
	require.NoError(t, v.publishRaw("pod", false))
	device := backend.device(t, "v")
	left, err := os.ReadDir(n.stagingPath("v"))
	require.NoError(t, err)
	require.NoError(t, mount.NewKernel().Unmount(t.Context(), filepath.Join(n.stagingPath("v"), left[0].Name())))
	backend.set(func(d *csi.Device) { d.Verify = func(context.Context, *os.File) error { return csi.ErrInUse } })
	n.want(codes.Unavailable, v.stageRaw(), "published at")
	_, err = n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: n.path("elsewhere")})
	n.want(codes.Aborted, err, "published at")
	require.Equal(t, device, backend.device(t, "v"))
	backend.set(nil)
	require.NoError(t, n.unpublish("v", n.path("pod")))
	require.NoError(t, n.unstage("v"))
	backend.detached(t, "v")
	n.nothingLeft()
}

// TestR17_AnAdoptedDeviceIsToldFromTheNext: where the record was lost, the number
// of the device alone would be taken for the next volume's.
func TestR17_AnAdoptedDeviceIsToldFromTheNext(t *testing.T) {
	n, backend := newLoopNode(t, "v", "w")
	require.NoError(t, n.stage("v"))
	path := backend.device(t, "v")
	if _, err := os.Stat("/sys/block/" + filepath.Base(path) + "/diskseq"); err != nil {
		t.Skip("this kernel does not number its disks")
	}
	require.NoError(t, os.RemoveAll(filepath.Join(n.opts.StateDir, "volumes")))
	away := backend.image("v") + ".away"
	require.NoError(t, os.Rename(backend.image("v"), away))
	require.Error(t, n.unstage("v"), "Release fails")
	require.NoError(t, os.Rename(away, backend.image("v")))
	require.NoError(t, backend.open("v", func(f *os.File) error { return loopdev.DetachAll(t.Context(), f) }))
	require.NoError(t, n.stage("w"))
	if backend.device(t, "w") != path {
		t.Log("another device has got its number")
	}
	require.NoError(t, n.unstage("v"))
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.unstage("v"))
	require.NoError(t, n.unstage("w"))
}

// TestStage_AtAnotherVolumesPathAttachesNothing: nobody would detach it.
func TestStage_AtAnotherVolumesPathAttachesNothing(t *testing.T) {
	n, backend := newLoopNode(t, "x", "y")
	require.NoError(t, n.stage("y"))
	n.want(codes.AlreadyExists, n.stage("x", func(r *csipb.NodeStageVolumeRequest) { r.StagingTargetPath = n.stagingPath("y") }), "volume y")
	backend.detached(t, "x")
	require.NoError(t, n.unstage("y"))
	n.nothingLeft()
}
