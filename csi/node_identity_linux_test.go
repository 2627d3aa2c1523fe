package csi_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
)

// locate attaches a volume's image and returns its loop device.
func (f *loopFake) locate(t *testing.T, id string) string {
	t.Helper()
	_, err := f.Locate(t.Context(), csi.NodeVolume{ID: id})
	require.NoError(t, err)
	path := f.device(t, id)
	t.Cleanup(func() { require.NoError(t, f.Release(t.Context(), csi.NodeVolume{ID: id})) })
	return path
}

// TestR2_AnotherDeviceForAStagedVolume: the mount is good, and it is not of the
// device that the volume is on now.
func TestR2_AnotherDeviceForAStagedVolume(t *testing.T) {
	for _, name := range []string{"ext4", "btrfs"} {
		n, backend := newLoopNode(t, "v", "w")
		require.NoError(t, n.stage("v", fstype(name)))
		other := backend.locate(t, "w")
		backend.set(func(d *csi.Device) { d.Path, d.Verify, d.Anonymous = other, nil, "a test" })
		n.want(codes.AlreadyExists, n.stage("v", fstype(name)), "device")
		backend.set(nil)
		require.NoError(t, n.stage("v", fstype(name)))
		require.NoError(t, n.unstage("v"))
		n.nothingLeft()
	}
}

// TestR4_WithoutARecordTheMountTellsAll: where the state was lost, what is
// mounted is compared with the request by what the kernel says of it alone.
func TestR4_WithoutARecordTheMountTellsAll(t *testing.T) {
	reader := func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "") }
	for name, test := range map[string]struct {
		change func(t *testing.T, n *nodeUnderTest, staging string)
		again  func(*csipb.NodeStageVolumeRequest)
		text   string
	}{
		"only a directory": {func(t *testing.T, n *nodeUnderTest, staging string) {
			kept := n.path("kept")
			require.NoError(t, errors.Join(os.Mkdir(kept, 0o755), os.Mkdir(staging+"/sub", 0o755)))
			require.NoError(t, unix.Mount(staging+"/sub", kept, "", unix.MS_BIND, ""))
			require.NoError(t, unix.Unmount(staging, 0))
			require.NoError(t, unix.Mount(kept, staging, "", unix.MS_BIND, ""))
			require.NoError(t, unix.Unmount(kept, 0))
		}, fstype("xfs"), "only the directory /sub"},
		"another type": {func(*testing.T, *nodeUnderTest, string) {}, fstype("ext4"), "xfs, not ext4"},
		"a reader, and the file system can be written": {func(t *testing.T, _ *nodeUnderTest, staging string) {
			require.NoError(t, unix.Mount("", staging, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		}, reader, "read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype("xfs")))
			test.change(t, n, n.stagingPath("v"))
			require.NoError(t, os.RemoveAll(n.opts.StateDir))
			n.want(codes.AlreadyExists, n.stage("v", test.again), test.text)
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}

// TestR17_WithoutARecordARawDeviceIsFound, compared, and let go.
func TestR17_WithoutARecordARawDeviceIsFound(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, rawVolume{n, csi.SingleNodeMultiWriter}.stageRaw())
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	n.want(codes.AlreadyExists, rawVolume{n, csi.MultiNodeReaderOnly}.stageRaw(), "read-only")
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	require.NoError(t, n.unstage("v"))
	require.Zero(t, n.mounts())
	left, err := os.ReadDir(n.stagingPath("v"))
	require.NoError(t, err)
	require.Empty(t, left)
	backend.detached(t, "v")
	n.nothingLeft()
}

// TestR2_SysfsIsComparedAtEachPublish of a raw device: its number stays while
// what is behind it changes.
func TestR2_SysfsIsComparedAtEachPublish(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	image := backend.image("v")
	backend.set(func(d *csi.Device) { d.Sysfs = map[string]string{"loop/backing_file": image} })
	v := rawVolume{n, csi.SingleNodeMultiWriter}
	require.NoError(t, v.stageRaw())
	require.NoError(t, v.publishRaw("one", false))
	require.NoError(t, os.Rename(image, image+".moved"))
	n.want(codes.FailedPrecondition, v.publishRaw("two", false), "loop/backing_file")
	n.want(codes.FailedPrecondition, v.publishRaw("one", false), "loop/backing_file")
	require.NoFileExists(t, n.path("two"))
	require.NoError(t, os.Rename(image+".moved", image))
	require.NoError(t, v.publishRaw("two", false))
	for _, target := range []string{"one", "two"} {
		require.NoError(t, n.unpublish("v", n.path(target)))
	}
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR4_PublishedFromWhereItIsStaged, and not from another place where the same
// file system shows.
func TestR4_PublishedFromWhereItIsStaged(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v"))
	elsewhere := n.stagingPath("elsewhere")
	require.NoError(t, unix.Mount(n.stagingPath("v"), elsewhere, "", unix.MS_BIND, ""))
	n.want(codes.FailedPrecondition, n.publish("v", n.path("pod/mount"), func(r *csipb.NodePublishVolumeRequest) {
		r.StagingTargetPath = elsewhere
	}), "is staged at "+n.stagingPath("v"))
	require.NoError(t, unix.Unmount(elsewhere, 0))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR5_AChangedTargetIsNoSuccess: an identical publish finds its target as
// somebody has made it since.
func TestR5_AChangedTargetIsNoSuccess(t *testing.T) {
	eachKernel(t, func(t *testing.T, only *mount.Features) {
		n, backend := newLoopNodeOn(t, only, "v", "r", "w")
		require.NoError(t, n.stage("v"))
		target := n.path("pod/mount")
		remount := func(flags uintptr) {
			require.NoError(t, unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""))
		}
		require.NoError(t, n.publish("v", target, forReading))
		remount(0)
		n.want(codes.AlreadyExists, n.publish("v", target, forReading), "can be written")
		require.NoError(t, n.unpublish("v", target))
		require.NoError(t, n.publish("v", target))
		remount(unix.MS_RDONLY)
		n.want(codes.AlreadyExists, n.publish("v", target), "read-only")
		require.NoError(t, n.unpublish("v", target))
		require.NoError(t, n.unstage("v"))

		other := backend.locate(t, "w")
		raw := func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }
		require.NoError(t, n.stage("r", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }))
		node := n.path("pod/device")
		require.NoError(t, n.publish("r", node, raw))
		require.NoError(t, unix.Unmount(node, 0))
		require.NoError(t, unix.Mount(other, node, "", unix.MS_BIND, ""))
		n.want(codes.AlreadyExists, n.publish("r", node, raw), "device")
		require.NoError(t, n.unpublish("r", node))
		require.NoError(t, n.unstage("r"))
		n.nothingLeft()
	})
}

// TestR6_TheRecordedPathIsOnlyAHint: it has become another device's, which is
// free. The one that was staged is not.
func TestR6_TheRecordedPathIsOnlyAHint(t *testing.T) {
	n, backend := newLoopNode(t, "v", "w")
	link := filepath.Join(n.dir, "by-id")
	backend.set(func(d *csi.Device) {
		if _, err := os.Lstat(link); errors.Is(err, os.ErrNotExist) {
			require.NoError(t, os.Symlink(d.Path, link))
		}
		d.Path = link
	})
	require.NoError(t, n.stage("v"))
	backend.set(nil)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(backend.locate(t, "w"), link))
	held := n.path("held")
	require.NoError(t, os.Mkdir(held, 0o755))
	require.NoError(t, unix.Mount(n.stagingPath("v"), held, "", unix.MS_BIND, ""))
	n.want(codes.Aborted, n.unstage("v"), held)
	require.Zero(t, backend.released)
	require.NoError(t, unix.Unmount(held, 0))
	require.NoError(t, n.unstage("v"))
	require.Equal(t, 1, backend.released)
	n.nothingLeft()
}
