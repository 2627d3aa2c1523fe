package csi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// exclusive proves of a volume's device what an unstage that is OK has proven (R6).
func (n *nodeUnderTest) exclusive(path string) error {
	d, err := fs.Open(path)
	require.NoError(n, err)
	defer func() { _ = d.Close() }()
	return d.Exclusive()
}

// unstaged unstages a volume whose copy has ended. The kernel may take a moment to
// end it, and so may a namespace of another test on this machine.
func (n *nodeUnderTest) unstaged(id string) {
	n.Helper()
	require.Eventually(n, func() bool { return n.unstage(id) == nil }, 20*time.Second, 10*time.Millisecond)
}

func options(fs string, flags ...string) func(*csipb.NodeStageVolumeRequest) {
	return func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, fs, flags...)
	}
}

var eachFS = []string{"ext4", "xfs", "btrfs"}

// R6: while another mount namespace has a copy of the staging mount, the volume is
// not unstaged, but it is staged again with the same file system.
func TestR6_StagedAgainBesideACopy(t *testing.T) {
	for _, kind := range eachFS {
		t.Run(kind, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(kind)))
			device := backend.device(t, "v")
			n.write(n.stagingPath("v"), "first")
			pod := looptest.Copy(t, n.dir)
			for round := range 3 {
				n.want(codes.Aborted, n.unstage("v"), "still used on this node")
				require.Error(t, n.exclusive(device))
				if round == 1 {
					n.restart() // the evidence outlives the process
				}
				require.NoError(t, n.stage("v", fstype(kind)), "round %d", round)
				require.NoError(t, n.stage("v", fstype(kind)), "again")
				require.Equal(t, 1, n.mounts())
				want := []string{"first", "0", "1"}[round]
				require.Equal(t, want, n.read(n.stagingPath("v")))
				target := n.path("pod/mount")
				require.NoError(t, n.publish("v", target, asFilesystem(kind)))
				n.write(target, strconv.Itoa(round))
				pod.Run("grep", "-qx", strconv.Itoa(round), filepath.Join(n.stagingPath("v"), "data"))
				require.NoError(t, n.unpublish("v", target))
			}
			require.Zero(t, backend.released)
			n.want(codes.Aborted, n.unstage("v"), "still used on this node")
			require.Error(t, n.exclusive(device))
			pod.End()
			n.unstaged("v")
			require.Equal(t, 1, backend.released)
			require.Zero(t, n.mounts())
			n.nothingLeft()

			require.NoError(t, n.stage("v", fstype(kind)))
			require.Equal(t, "2", n.read(n.stagingPath("v")))
			n.unstaged("v")
		})
	}
}

// R6: the device of a copy is not forgotten when the backend finds another one: it
// must be free before the volume is unstaged, or staged on the other.
func TestR6_AnotherDeviceBesideACopy(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	first := backend.device(t, "v")
	n.write(n.stagingPath("v"), "data")
	pod := looptest.Copy(t, n.dir)
	n.want(codes.Aborted, n.unstage("v"), "still used on this node")

	content, err := os.ReadFile(backend.image("v"))
	require.NoError(t, err)
	restored := backend.image("restored")
	require.NoError(t, os.WriteFile(restored, content, 0o600))
	require.NoError(t, os.Rename(restored, backend.image("v")))
	for range 2 {
		n.want(codes.Aborted, n.stage("v", fstype("ext4")), "still used on this node")
		n.want(codes.Aborted, n.unstage("v"), "still used on this node")
		require.Error(t, n.exclusive(first))
	}
	pod.End()
	n.unstaged("v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	require.NotEqual(t, first, backend.device(t, "v"))
	require.NoError(t, exec.Command("losetup", "-d", first).Run(), "the backend cannot know it")
	n.unstaged("v")
}

// R4: a file system that is alive has the options that it had, so another request
// has to wait for its end; it must not spoil the one that can be served.
func TestR4_CopyWithOtherOptions(t *testing.T) {
	flags := map[string][2]string{"ext4": {"commit=7", "commit=8"}, "xfs": {"largeio", "swalloc"}, "btrfs": {"compress=zstd", "compress=lzo"}}
	for _, kind := range eachFS {
		t.Run(kind, func(t *testing.T) {
			n, _ := newLoopNode(t, "v")
			asStaged := options(kind, flags[kind][0])
			require.NoError(t, n.stage("v", asStaged))
			n.write(n.stagingPath("v"), "data")
			pod := looptest.Copy(t, n.dir)
			n.want(codes.Aborted, n.unstage("v"))

			refused := func() {
				t.Helper()
				n.want(codes.Aborted, n.stage("v", options(kind, flags[kind][1])), "still used", "another set of mount_flags")
				n.want(codes.Aborted, n.stage("v", options(kind)), "another set of mount_flags")
				n.want(codes.Aborted, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
					r.VolumeCapability = mountAccess(csi.SingleNodeReaderOnly, kind, flags[kind][0])
				}), "another access mode")
				n.want(codes.Aborted, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
					r.VolumeCapability = rawAccess(csi.SingleNodeMultiWriter)
				}), "only with a file system")
				require.Zero(t, n.mounts())
			}
			refused()
			require.NoError(t, n.stage("v", asStaged))
			n.want(codes.Aborted, n.unstage("v"))
			refused()

			pod.Run("mount", "-o", "remount,ro", n.stagingPath("v"))
			n.want(codes.Aborted, n.stage("v", asStaged), "read-only")
			require.Zero(t, n.mounts())
			pod.Run("sh", "-c", fmt.Sprintf("! touch %s/x 2>/dev/null", n.stagingPath("v"))) // it was not made writable

			pod.End()
			require.Eventually(t, func() bool { return n.stage("v", options(kind, flags[kind][1])) == nil }, 20*time.Second, 10*time.Millisecond)
			require.Equal(t, "data", n.read(n.stagingPath("v")))
			n.unstaged("v")
		})
	}
}

// R3: what this driver has not staged, or what is not proven to be just that, is
// never shared.
func TestR3_CopyOfAnother(t *testing.T) {
	for _, kind := range eachFS {
		t.Run(kind, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(kind)))
			device := backend.device(t, "v")
			pod := looptest.Copy(t, n.dir)
			n.want(codes.Aborted, n.unstage("v"))
			state, err := os.ReadDir(filepath.Join(n.opts.StateDir, "volumes"))
			require.NoError(t, err)
			require.Len(t, state, 1)
			record := filepath.Join(n.opts.StateDir, "volumes", state[0].Name())

			t.Run("nothing is written down", func(t *testing.T) {
				require.NoError(t, os.Rename(record, record+".lost"))
				n.want(codes.Aborted, n.stage("v", fstype(kind)), "in use")
				require.NoError(t, os.Rename(record+".lost", record))
			})

			foreign := n.path("foreign")
			require.NoError(t, os.Mkdir(foreign, 0o755))
			pod.Run("umount", n.stagingPath("v"))
			require.Eventually(t, func() bool { return n.exclusive(device) == nil }, 20*time.Second, 10*time.Millisecond)
			pod.Run("mount", "-t", kind, device, foreign)
			t.Run("mounted by hand", func(t *testing.T) {
				for range 2 {
					n.want(codes.Aborted, n.stage("v", fstype(kind)), "not the file system that was staged")
				}
				require.Zero(t, n.mounts())
			})
			pod.End()
			n.unstaged("v")

			pod = looptest.Copy(t, n.dir)
			t.Run("never staged", func(t *testing.T) {
				require.NoError(t, n.stage("v", fstype(kind))) // attaches the device
				device := backend.device(t, "v")
				backend.kept = map[string]csi.Device{"v": {Path: device, Anonymous: "a test"}}
				n.unstaged("v")
				pod.Run("mount", "-t", kind, device, foreign)
				n.want(codes.Aborted, n.stage("v", fstype(kind)), "in use")
				pod.End()
				require.Eventually(t, func() bool { return n.stage("v", fstype(kind)) == nil }, 20*time.Second, 10*time.Millisecond)
				backend.kept = nil
				n.unstaged("v")
			})
		})
	}
}

// R4: a file system that the kernel has stopped after an error is not given to
// another pod.
func TestR4_CopyThatIsBroken(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		breaks     func(t *testing.T, staging, device string) bool
		code       codes.Code
		evidence   string
	}{
		{"ext4 with errors", "ext4", makeExt4Error, codes.Aborted, "ext4 has seen"},
		{"ext4 shut down", "ext4", shutDownVisibly, codes.Unavailable, "the kernel has stopped after errors (shutdown)"},
		{"xfs shut down", "xfs", func(t *testing.T, staging, _ string) bool { shutDown(t, staging); return true }, codes.Aborted, "has shut itself down (input/output error)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(c.kind)))
			n.write(n.stagingPath("v"), "data")
			syncFile(t, filepath.Join(n.stagingPath("v"), "data"))
			staging := n.stagingPath("v") // one that does not answer cannot be made sure of
			if !c.breaks(t, staging, backend.device(t, "v")) {
				n.unstaged("v")
				t.Skip("this kernel does not make, or show, such a failure")
			}
			pod := looptest.Copy(t, n.dir)
			_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: staging})
			n.want(codes.Aborted, err)
			for range 2 {
				n.want(c.code, n.stage("v", fstype(c.kind)), c.evidence)
				require.Zero(t, n.mounts())
			}
			pod.End()
			require.Eventually(t, func() bool { return n.stage("v", fstype(c.kind)) == nil }, 20*time.Second, 10*time.Millisecond)
			require.Equal(t, "data", n.read(n.stagingPath("v")), "it was checked, or its log was replayed")
			n.unstaged("v")
		})
	}
}

// makeExt4Error makes ext4 find something wrong, if the kernel can do that.
func makeExt4Error(t *testing.T, _, device string) bool {
	dir := "/sys/fs/ext4/" + filepath.Base(device)
	if err := os.WriteFile(dir+"/trigger_fs_error", []byte("test"), 0o600); err != nil {
		return false
	}
	require.Eventually(t, func() bool { // the kernel counts a little later
		count, err := os.ReadFile(dir + "/errors_count")
		return err == nil && string(count) != "0\n"
	}, 10*time.Second, time.Millisecond)
	return true
}

// shutDownVisibly is shutDown, and whether the kernel shows it in the mount table.
func shutDownVisibly(t *testing.T, staging, _ string) bool {
	shutDown(t, staging)
	info, err := mount.NewKernel().Find(staging)
	require.NoError(t, err)
	return slices.Contains(info.Options, "shutdown")
}

// R4: nor is it taken for staged where it is mounted.
func TestR4_WhatIsMountedIsBroken(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	visible := shutDownVisibly(t, n.stagingPath("v"), "")
	if visible {
		n.want(codes.AlreadyExists, n.stage("v", fstype("ext4")), "stopped after errors (shutdown)")
	}
	n.unstaged("v")
	if !visible {
		t.Skip("this kernel does not show that ext4 is shut down")
	}
}

// R13: it grows as what is mounted does.
func TestR13_CopyThatHasGrown(t *testing.T) {
	for _, kind := range eachFS {
		t.Run(kind, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			require.NoError(t, n.stage("v", fstype(kind)))
			before := n.usage("v", n.stagingPath("v")).GetTotal()
			pod := looptest.Copy(t, n.dir)
			n.want(codes.Aborted, n.unstage("v"))
			require.NoError(t, os.Truncate(backend.image("v"), 2*imageSize))
			require.NoError(t, backend.GrowDevice(t.Context(), csi.Expansion{VolumeRef: csi.VolumeRef{ID: "v"}}))
			require.NoError(t, n.stage("v", fstype(kind)))
			if kind != "ext4" { // which needs CAP_SYS_RESOURCE for that
				require.Greater(t, n.usage("v", n.stagingPath("v")).GetTotal(), before*3/2)
			}
			pod.End()
			n.unstaged("v")
			require.NoError(t, n.stage("v", fstype(kind)))
			require.Greater(t, n.usage("v", n.stagingPath("v")).GetTotal(), before*3/2)
			n.unstaged("v")
		})
	}
}

// What another node may have written to is not what the file system that is alive
// here remembers: the backend must have promised that at first, and still.
func TestR3_CopyOfWhatIsNotFenced(t *testing.T) {
	unfenced := func(d *csi.Device) { d.Fenced = false }
	for name, c := range map[string]struct{ first, second func(*csi.Device) }{
		"at first": {first: unfenced}, "any more": {second: unfenced},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			backend.set(c.first)
			require.NoError(t, n.stage("v", fstype("ext4")))
			pod := looptest.Copy(t, n.dir)
			n.want(codes.Aborted, n.unstage("v"))
			backend.set(c.second)
			n.want(codes.Aborted, n.stage("v", fstype("ext4")), "another node")
			backend.set(nil)
			n.want(codes.Aborted, n.stage("v", fstype("ext4")))
			require.Zero(t, n.mounts())
			pod.End()
			n.unstaged("v")
		})
	}
}

// Kernels that mount only by mount(2) have no way to prove it before it shows.
func TestR3_CopyOnOldKernels(t *testing.T) {
	n, _ := newLoopNodeOn(t, &mount.Features{}, "v")
	require.NoError(t, n.stage("v", fstype("xfs")))
	pod := looptest.Copy(t, n.dir)
	n.want(codes.Aborted, n.unstage("v"))
	n.want(codes.Aborted, n.stage("v", fstype("xfs")), "in use")
	require.Zero(t, n.mounts())
	pod.End()
	n.unstaged("v")
}
