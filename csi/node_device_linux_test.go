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
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// TestDevice_RoundTrip is the life of a volume on a node, each step twice and
// the second time after a restart.
func TestDevice_RoundTrip(t *testing.T) { eachKernel(t, testDeviceRoundTrip) }

func testDeviceRoundTrip(t *testing.T, only *mount.Features) {
	for _, name := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNodeOn(t, only, "v")
			twice := func(step func() error) {
				t.Helper()
				require.NoError(t, step())
				n.restart()
				require.NoError(t, step(), "after a restart")
			}
			twice(func() error { return n.stage("v", fstype(name)) })
			rw, ro := n.path("rw/mount"), n.path("ro/mount")
			twice(func() error { return n.publish("v", rw, asFilesystem(name)) })
			twice(func() error { return n.publish("v", ro, asFilesystem(name), forReading) })
			require.Equal(t, 3, n.mounts())

			n.write(rw, "precious")
			require.Equal(t, "precious", n.read(ro))
			require.ErrorIs(t, os.WriteFile(filepath.Join(ro, "data"), nil, 0o600), unix.EROFS)
			require.Positive(t, n.usage("v", rw).GetAvailable())
			require.Positive(t, n.usage("v", n.stagingPath("v")).GetTotal())

			twice(func() error { return n.unpublish("v", ro) })
			twice(func() error { return n.unpublish("v", rw) })
			twice(func() error { return n.unstage("v") })
			backend.detached(t, "v")
			n.nothingLeft()

			require.NoError(t, n.stage("v", fstype(name)), "existing data is mounted, not replaced")
			require.Equal(t, "precious", n.read(n.stagingPath("v")))
			require.NoError(t, n.unstage("v"))
		})
	}
}

func TestR17_RawDevice(t *testing.T) { eachKernel(t, testR17RawDevice) }

func testR17RawDevice(t *testing.T, only *mount.Features) {
	n, backend := newLoopNodeOn(t, only, "v", "w")
	block := func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = rawAccess(csi.MultiNodeMultiWriter)
		r.StagingTargetPath = n.stagingPath("shared by volumes") // kubernetes#87724
	}
	publishBlock := func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = rawAccess(csi.MultiNodeMultiWriter)
		r.StagingTargetPath = n.stagingPath("shared by volumes")
	}
	for _, id := range []string{"v", "w"} {
		require.NoError(t, n.stage(id, block))
		require.NoError(t, n.stage(id, block), "again")
		require.NoError(t, n.publish(id, n.path(id+"/device"), publishBlock))
	}
	n.restart()
	require.NoError(t, n.publish("v", n.path("v/device"), publishBlock), "again")
	require.Equal(t, 4, n.mounts())

	require.NoError(t, os.WriteFile(n.path("v/device"), []byte("precious"), 0))
	require.Equal(t, int64(imageSize), n.usage("v", n.path("v/device")).GetTotal())
	require.Equal(t, int64(imageSize), n.usage("v", n.stagingPath("shared by volumes")).GetTotal())

	unstage := func(id string) error {
		_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: n.stagingPath("shared by volumes")})
		return err
	}
	for _, id := range []string{"v", "w"} {
		require.NoError(t, n.unpublish(id, n.path(id+"/device")))
		require.NoFileExists(t, n.path(id+"/device"))
		require.NoError(t, unstage(id))
		require.NoError(t, unstage(id), "again")
	}
	left, err := os.ReadDir(n.stagingPath("shared by volumes"))
	require.NoError(t, err)
	require.Empty(t, left)
	n.nothingLeft()

	image, err := os.Open(backend.image("v"))
	require.NoError(t, err)
	defer image.Close()
	data := make([]byte, 8)
	_, err = image.ReadAt(data, 0)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data), "unstage has written everything")
}

// TestR17_AReplacedDeviceIsNotPublished: the bind mount of the node goes on
// when the device below it has gone and its number belongs to another.
func TestR17_AReplacedDeviceIsNotPublished(t *testing.T) {
	n, backend := newLoopNode(t, "v", "other")
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = rawAccess(csi.SingleNodeWriter) }))
	path := backend.device(t, "v")
	replace(t, path, backend.image("other"))
	n.want(codes.FailedPrecondition, n.publish("v", n.path("pod/device"), func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = rawAccess(csi.SingleNodeWriter)
	}), "gone")
	_, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: n.stagingPath("v")})
	n.want(codes.Unavailable, err, "gone") // a final error would end the resize for good (ruling 18)
	require.NoError(t, n.unstage("v"))
	require.NoError(t, backend.Release(t.Context(), csi.NodeVolume{ID: "other"}))
}

// replace binds a loop device to another file.
func replace(t *testing.T, path, image string) {
	device, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, loopdev.Detach(device))
	require.NoError(t, device.Close())
	require.Eventually(t, func() bool {
		device, err = os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer device.Close()
		file, err := os.OpenFile(image, os.O_RDWR, 0)
		require.NoError(t, err)
		defer file.Close()
		return unix.IoctlSetInt(int(device.Fd()), unix.LOOP_SET_FD, int(file.Fd())) == nil
	}, 5e9, 1e7)
}

// TestR6_UnstageNeedsAFreeDevice: while anything holds the device the volume
// is not unstaged, however often it is asked, and a restart forgets nothing.
func TestR6_UnstageNeedsAFreeDevice(t *testing.T) { eachKernel(t, testR6UnstageNeedsAFreeDevice) }

func testR6UnstageNeedsAFreeDevice(t *testing.T, only *mount.Features) {
	n, backend := newLoopNodeOn(t, only, "v")
	require.NoError(t, n.stage("v"))
	elsewhere := n.path("elsewhere")
	require.NoError(t, os.Mkdir(elsewhere, 0o755))
	require.NoError(t, unix.Mount(n.stagingPath("v"), elsewhere, "", unix.MS_BIND, ""))
	for range 2 {
		n.want(codes.Aborted, n.unstage("v"), elsewhere)
		n.restart()
	}
	require.Zero(t, backend.released)
	require.NoError(t, unix.Unmount(elsewhere, 0))

	// Ruling 24: an exclusive open does not notice a loop device on top.
	above := looptest.Attach(t, backend.device(t, "v"))
	n.want(codes.Aborted, n.unstage("v"), above)
	device, err := os.Open(above)
	require.NoError(t, err)
	require.NoError(t, loopdev.Detach(device))
	require.NoError(t, device.Close())
	require.Eventually(t, func() bool { return n.unstage("v") == nil }, 5e9, 5e7)
	require.Equal(t, 1, backend.released)
	n.nothingLeft()
}

// TestRuling25_LostState: the mount tells which device must be free.
func TestRuling25_LostState(t *testing.T) {
	for _, name := range []string{"ext4", "btrfs"} {
		t.Run(name, func(t *testing.T) { testLostState(t, name) })
	}
}

func testLostState(t *testing.T, name string) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype(name)))
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	require.NoError(t, n.stage("v", fstype(name)), "found again")
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	held := n.path("held")
	require.NoError(t, os.Mkdir(held, 0o755))
	require.NoError(t, unix.Mount(n.stagingPath("v"), held, "", unix.MS_BIND, ""))
	n.want(codes.Aborted, n.unstage("v"))
	n.want(codes.Aborted, n.unstage("v"))
	require.Zero(t, backend.released)
	require.NoError(t, unix.Unmount(held, 0))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestRuling32_Readers: the device is read-only while it is staged, and not
// longer.
func TestRuling32_Readers(t *testing.T) {
	for _, name := range []string{"ext4", "xfs"} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(name)))
			n.write(n.stagingPath("v"), "precious")
			require.NoError(t, n.unstage("v"))
			before := backend.hash(t, "v")
			reader := mountAccess(csi.MultiNodeReaderOnly, name)
			require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = reader }))
			writableAgain(t, backend.device(t, "v"))
			flag, err := os.ReadFile("/sys/block/" + filepath.Base(backend.device(t, "v")) + "/ro")
			require.NoError(t, err)
			require.Equal(t, "1\n", string(flag), "the device is read-only")
			target := n.path("pod/mount")
			require.NoError(t, n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = reader }))
			require.Equal(t, "precious", n.read(target))
			require.ErrorIs(t, os.WriteFile(filepath.Join(target, "data"), nil, 0o600), unix.EROFS)
			require.NoError(t, n.unpublish("v", target))
			require.NoError(t, n.unstage("v"))
			require.Equal(t, before, backend.hash(t, "v"))
			require.NoError(t, n.stage("v", fstype(name)), "and can be written again")
			n.write(n.stagingPath("v"), "more")
			require.NoError(t, n.unstage("v"))
		})
	}
}

// TestRuling32_ReadersLeaveTheDeviceWritable: however a staging for readers
// ends, its mark on the device does not outlive it.
func TestRuling32_ReadersLeaveTheDeviceWritable(t *testing.T) {
	reader := func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "ext4")
	}
	for name, end := range map[string]func(*nodeUnderTest) error{
		"staged again, unstaged": func(n *nodeUnderTest) error {
			return errors.Join(n.stage("v", reader), n.unstage("v"))
		},
		"staged for writing": func(n *nodeUnderTest) error {
			return errors.Join(n.stage("v", fstype("ext4")), n.unstage("v"))
		},
		"state lost": func(n *nodeUnderTest) error {
			return errors.Join(n.stage("v", reader), os.RemoveAll(n.opts.StateDir), n.stage("v", reader), n.unstage("v"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype("ext4")))
			require.NoError(t, n.unstage("v"))
			require.NoError(t, n.stage("v", reader))
			device, err := fs.Open(backend.device(t, "v"))
			require.NoError(t, err)
			defer func() { require.NoError(t, errors.Join(device.SetReadOnly(false), device.Close())) }()
			require.NoError(t, unix.Unmount(n.stagingPath("v"), 0), "as after a kill, or by an operator")
			n.restart()
			require.NoError(t, end(n))
			flag, err := device.Sysfs("ro")
			require.NoError(t, err)
			require.Equal(t, "0", flag)
		})
	}
}

// TestWriterOfADeviceThatSomebodySetReadOnly gets told, and the mark stays.
func TestWriterOfADeviceThatSomebodySetReadOnly(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	_, err := backend.Locate(t.Context(), csi.NodeVolume{ID: "v"})
	require.NoError(t, err)
	device, err := fs.Open(backend.device(t, "v"))
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(device.SetReadOnly(false), device.Close())) }()
	require.NoError(t, device.SetReadOnly(true))
	n.want(codes.FailedPrecondition, n.stage("v"), "read-only", "blockdev --setrw /dev/loop")
	flag, err := device.Sysfs("ro")
	require.NoError(t, err)
	require.Equal(t, "1", flag)
	n.nothingLeft()
}

// writableAgain makes sure that a test which fails leaves no read-only loop
// device to others: the flag outlives the binding.
func writableAgain(t *testing.T, path string) {
	device, err := fs.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			require.NoError(t, device.SetReadOnly(false))
		}
		require.NoError(t, device.Close())
	})
}

func TestRuling3_DeviceFileSystemOfManyWriters(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	n.backend = &everyMode{backend}
	n.restart()
	for _, mode := range []csi.AccessMode{csi.MultiNodeMultiWriter, csi.MultiNodeSingleWriter} {
		n.want(codes.FailedPrecondition, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(mode, "")
		}), mode.String(), "destroy each other's data")
	}
	backend.detached(t, "v")
}

// everyMode offers what no file system on a device can do.
type everyMode struct{ *loopFake }

func (*everyMode) Traits() csi.Traits { return (&nodeFake{}).Traits() }

// TestR4_WhatIsMountedIsCompared: with what was staged, not taken for it.
func TestR4_WhatIsMountedIsCompared(t *testing.T) { eachKernel(t, testR4WhatIsMountedIsCompared) }

func testR4WhatIsMountedIsCompared(t *testing.T, only *mount.Features) {
	n, _ := newLoopNodeOn(t, only, "v", "w")
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.stage("w"))
	staging, target := n.stagingPath("v"), n.path("pod/mount")

	require.NoError(t, unix.Mount("", staging, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""), "as errors=remount-ro does")
	n.want(codes.AlreadyExists, n.stage("v"), "read-only")
	require.NoError(t, unix.Mount("", staging, "", unix.MS_REMOUNT, ""))
	require.NoError(t, n.stage("v"))

	require.NoError(t, unix.Unmount(staging, 0))
	require.NoError(t, unix.Mount(n.stagingPath("w"), staging, "", unix.MS_BIND, ""))
	n.want(codes.AlreadyExists, n.stage("v"), "device")
	n.want(codes.FailedPrecondition, n.publish("v", target), "not what was staged")
	require.NoError(t, n.unstage("v"))

	require.NoError(t, n.stage("v"))
	require.NoError(t, os.Mkdir(target, 0o755))
	require.NoError(t, unix.Mount(n.stagingPath("w"), target, "", unix.MS_BIND, ""))
	n.want(codes.AlreadyExists, n.publish("v", target))
	require.NoError(t, n.unpublish("v", target))
	require.NoError(t, n.unstage("v"))
	require.NoError(t, n.unstage("w"))
	n.nothingLeft()
}
