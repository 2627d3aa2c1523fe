package csi_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// TestR4_AFileSystemWithErrorsIsNotPublished: the kernel has made the staged
// file system read-only since, as errors=remount-ro does. A pod that is to
// write would find out by its failed writes.
func TestR4_AFileSystemWithErrorsIsNotPublished(t *testing.T) {
	eachKernel(t, testR4AFileSystemWithErrorsIsNotPublished)
}

func testR4AFileSystemWithErrorsIsNotPublished(t *testing.T, only *mount.Features) {
	n, _ := newLoopNodeOn(t, only, "v")
	require.NoError(t, n.stage("v"))
	one, two := n.path("one/mount"), n.path("two/mount")
	require.NoError(t, n.publish("v", one))
	remount := func(flags uintptr) {
		require.NoError(t, unix.Mount("", n.stagingPath("v"), "", unix.MS_REMOUNT|flags, ""))
	}
	remount(unix.MS_RDONLY)
	n.want(codes.FailedPrecondition, n.publish("v", two), "read-only", "unstage")
	n.want(codes.FailedPrecondition, n.publish("v", one), "read-only")
	require.NoDirExists(t, two)
	remount(0)
	require.NoError(t, n.publish("v", one))
	require.NoError(t, n.unpublish("v", one))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR4_FlagsAreCompared: a mount that has lost the flags it was asked for is
// not taken for the one that was published or staged.
func TestR4_FlagsAreCompared(t *testing.T) { eachKernel(t, testR4FlagsAreCompared) }

func testR4FlagsAreCompared(t *testing.T, only *mount.Features) {
	n, _ := newLoopNodeOn(t, only, "v")
	flags := []string{"nosuid", "noexec", "discard"}
	stage := func() error {
		return n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flags...)
		})
	}
	target := n.path("pod/mount")
	publish := func() error {
		return n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flags...)
		})
	}
	for _, step := range []func() error{stage, stage, publish, publish} {
		require.NoError(t, step())
	}
	strip := func(path string) {
		require.NoError(t, unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSUID, ""))
	}
	strip(target)
	n.want(codes.AlreadyExists, publish(), "noexec")
	strip(n.stagingPath("v"))
	n.want(codes.AlreadyExists, stage(), "noexec")
	require.NoError(t, n.unpublish("v", target))
	require.NoError(t, n.unstage("v"))
}

// TestR4_ARefusedStageIsNotWrittenDown: where it was lost for what a volume was
// staged, a stage that does not fit what is mounted leaves the one that does
// possible.
func TestR4_ARefusedStageIsNotWrittenDown(t *testing.T) {
	looptest.NeedRoot(t)
	n, _ := newLoopNode(t, "v")
	stage := func(flags ...string) error {
		return n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flags...)
		})
	}
	require.NoError(t, stage("nosuid"))
	for _, restart := range []func(){func() {}, n.restart} {
		require.NoError(t, os.RemoveAll(n.opts.StateDir))
		n.want(codes.AlreadyExists, stage("noexec"), "noexec")
		restart()
		require.NoError(t, stage("nosuid"))
		n.want(codes.AlreadyExists, stage("noexec"), "mount_flags: nosuid, not noexec")
		require.NoError(t, stage("nosuid"), "again")
	}
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR4_AStackIsNotSuccess: of mounts on top of each other only the topmost
// shows, and a retry must not take the stack for its own mount.
func TestR4_AStackIsNotSuccess(t *testing.T) { eachKernel(t, testR4AStackIsNotSuccess) }

func testR4AStackIsNotSuccess(t *testing.T, only *mount.Features) {
	n, _ := newLoopNodeOn(t, only, "v")
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target))
	stack := func(at string) { require.NoError(t, unix.Mount(n.stagingPath("v"), at, "", unix.MS_BIND, "")) }
	stack(target)
	n.want(codes.Aborted, n.publish("v", target), "2 mounts")
	require.NoError(t, n.unpublish("v", target), "all of them")
	require.NoError(t, n.publish("v", target))
	require.NoError(t, n.unpublish("v", target))
	stack(n.stagingPath("v"))
	n.want(codes.Aborted, n.stage("v"), "2 mounts")
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR4_OneMountOfAThousandPublishes: 32 callers, one target, the kernel's
// table. Afterwards there is one line in mountinfo.
func TestR4_OneMountOfAThousandPublishes(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 1000 / 32 {
				if err := n.publish("v", target); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, 2, n.mounts(), "the staged one and the published one")
	require.NoError(t, n.unpublish("v", target))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR6_APrivateCopyOfTheMountHoldsTheDevice: a process of another mount
// namespace has a copy of the staged mount that does not follow ours. Unmounting
// succeeds here, and the file system lives on there (kubernetes#54214).
func TestR6_APrivateCopyOfTheMountHoldsTheDevice(t *testing.T) {
	eachKernel(t, testR6APrivateCopyOfTheMountHoldsTheDevice)
}

func testR6APrivateCopyOfTheMountHoldsTheDevice(t *testing.T, only *mount.Features) {
	n, backend := newLoopNodeOn(t, only, "v")
	require.NoError(t, n.stage("v"))
	n.write(n.stagingPath("v"), "precious")
	release := copyOfMount(t, n.stagingPath("v"))
	for range 2 {
		n.want(codes.Aborted, n.unstage("v"), "another namespace")
		require.Zero(t, n.mounts(), "nothing is mounted here any more")
		n.restart()
	}
	require.Zero(t, backend.released)
	release()
	require.Eventually(t, func() bool { return n.unstage("v") == nil }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, 1, backend.released)
	n.nothingLeft()

	require.NoError(t, n.stage("v"))
	require.Equal(t, "precious", n.read(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
}

// TestR13_ReadOnlyAndDirty: a reader's stage of a grown device grows nothing,
// the next writer's does, also if the journal was to be replayed first.
func TestR13_ReadOnlyAndDirty(t *testing.T) {
	for _, name := range []string{"ext4", "xfs"} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(name)))
			before := n.usage("v", n.stagingPath("v")).GetTotal()
			n.write(n.stagingPath("v"), "precious")
			syncFile(t, filepath.Join(n.stagingPath("v"), "data"))
			dirty := filepath.Join(n.dir, "dirty")
			copyImage(t, backend.image("v"), dirty) // as it is after a loss of power
			require.NoError(t, n.unstage("v"))
			backend.detached(t, "v")
			copyImage(t, dirty, backend.image("v"))
			require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))

			reader := func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, name) }
			require.NoError(t, n.stage("v", reader))
			r, err := n.NodeExpandVolume(t.Context(), &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: n.stagingPath("v"),
				CapacityRange: &csipb.CapacityRange{RequiredBytes: 2 * imageSize}})
			require.NoError(t, err)
			require.EqualValues(t, 2*imageSize, r.GetCapacityBytes())
			require.Equal(t, before, n.usage("v", n.stagingPath("v")).GetTotal())
			require.NoError(t, n.unstage("v"))

			require.NoError(t, n.stage("v", fstype(name)))
			require.Greater(t, n.usage("v", n.stagingPath("v")).GetTotal(), before+imageSize/2)
			require.Equal(t, "precious", n.read(n.stagingPath("v")))
			require.NoError(t, n.unstage("v"))
		})
	}
}
