package csi_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// TestRule27_ExpandOnline: the device and then the file system, while a pod
// has it.
func TestRule27_ExpandOnline(t *testing.T) {
	for _, name := range []string{"xfs", "btrfs"} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			target := n.path("pod/mount")
			require.NoError(t, n.stage("v", fstype(name)))
			require.NoError(t, n.publish("v", target, asFilesystem(name)))
			before := n.usage("v", target).GetTotal()
			expand := func(size int64) (*csipb.NodeExpandVolumeResponse, error) {
				return n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{
					VolumeId: "v", VolumePath: target, CapacityRange: &csipb.CapacityRange{RequiredBytes: size},
				})
			}
			_, err := expand(2 * imageSize)
			n.want(codes.Unavailable, err, "not yet")
			require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
			for range 2 {
				r, err := expand(2 * imageSize)
				require.NoError(t, err)
				require.Equal(t, int64(2*imageSize), r.GetCapacityBytes())
				n.restart()
			}
			require.Greater(t, n.usage("v", target).GetTotal(), before+imageSize/2)
			require.NoError(t, n.unpublish("v", target))
			require.NoError(t, n.unstage("v"))
		})
	}
}

// TestR13_StageGrows: a device that has grown since, as after a restore to a
// larger volume, has its file system grown at stage, ext4 before it is mounted
// where the kernel does not allow it later.
func TestR13_StageGrows(t *testing.T) {
	for _, name := range []string{"ext4", "xfs"} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(name)))
			before := n.usage("v", n.stagingPath("v")).GetTotal()
			require.NoError(t, n.unstage("v"))
			backend.detached(t, "v")
			require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
			require.NoError(t, n.stage("v", fstype(name)))
			require.Greater(t, n.usage("v", n.stagingPath("v")).GetTotal(), before+imageSize/2)
			require.NoError(t, n.unstage("v"))
		})
	}
}

func TestRule27_ExpandRawDevice(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }))
	require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
	r, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: "/dev/whatever"})
	require.NoError(t, err)
	require.Equal(t, int64(2*imageSize), r.GetCapacityBytes())
	require.NoError(t, n.unstage("v"))
}

// TestRule27_ExpandAfterLostState: NOT_FOUND would make the kubelet give up.
func TestRule27_ExpandAfterLostState(t *testing.T) {
	for name, access := range map[string]*csipb.VolumeCapability{
		"xfs": mountAccess(csi.SingleNodeWriter, "xfs"), "btrfs": mountAccess(csi.SingleNodeWriter, "btrfs"), "raw": rawAccess(csi.SingleNodeWriter),
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			target := n.path("pod/volume")
			require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = access }))
			require.NoError(t, n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = access }))
			before := n.usage("v", target).GetTotal()
			require.NoError(t, os.RemoveAll(n.opts.StateDir))
			require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
			r, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{
				VolumeId: "v", VolumePath: target, StagingTargetPath: n.stagingPath("v"),
				CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * imageSize},
			})
			require.NoError(t, err)
			require.Equal(t, int64(2*imageSize), r.GetCapacityBytes())
			require.Greater(t, n.usage("v", target).GetTotal(), before+imageSize/2)
			require.NoError(t, n.unpublish("v", target))
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}

// A growthFake fails to grow devices.
type growthFake struct {
	*loopFake
	err error
}

func (f *growthFake) GrowDevice(context.Context, csi.Expansion) error { return f.err }

// TestRuling18_AFailureToGrowPasses: the kubelet gives up for good on
// FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND and OUT_OF_RANGE.
func TestRuling18_AFailureToGrowPasses(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	failing := &growthFake{loopFake: backend}
	n.backend = failing
	n.restart()
	require.NoError(t, n.stage("v", fstype("xfs")))
	expand := func(path string) error {
		_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{
			VolumeId: "v", VolumePath: path, CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * imageSize},
		})
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want codes.Code
	}{
		"the device is smaller than required": {nil, codes.Unavailable},
		"the outcome is unknown":              {errors.New("rescan"), codes.Unavailable},
		"it runs still":                       {csi.ErrPending, codes.Aborted},
		"it has failed":                       {csi.ErrFailed, codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			failing.err = test.err
			n.want(test.want, expand(n.stagingPath("v")))
		})
	}
	failing.err = nil
	t.Run("something else is mounted at its path", func(t *testing.T) {
		require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
		require.NoError(t, backend.GrowDevice(t.Context(), csi.Expansion{VolumeRef: csi.VolumeRef{ID: "v"}}))
		require.NoError(t, unix.Mount("tmpfs", n.stagingPath("v"), "tmpfs", 0, ""))
		n.want(codes.Unavailable, expand(n.stagingPath("v")))
		require.NoError(t, unix.Unmount(n.stagingPath("v"), 0))
	})
	require.NoError(t, expand(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
}
