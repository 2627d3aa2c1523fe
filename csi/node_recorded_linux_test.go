package csi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
)

// TestR1_WhatOthersFormattedIsMarkedToo: there is data that must not be replaced,
// whoever made the file system.
func TestR1_WhatOthersFormattedIsMarkedToo(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	out, err := exec.Command("mkfs.ext4", "-q", backend.image("v")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, n.stage("v"))
	require.FileExists(t, backend.image("v")+".formatted")
	require.NoError(t, n.unstage("v"))
	backend.detached(t, "v")
	require.NoError(t, os.Truncate(backend.image("v"), 0))
	require.NoError(t, os.Truncate(backend.image("v"), imageSize))
	n.want(codes.FailedPrecondition, n.stage("v"), "marked as formatted")
	n.nothingLeft()
}

// TestR11_ADamagedFileSystemIsNotMounted: e2fsck has found what it must not
// repair by itself.
func TestR11_ADamagedFileSystemIsNotMounted(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	require.NoError(t, n.unstage("v"))
	backend.detached(t, "v")
	for _, request := range []string{"clri <2>", "ssv state 2"} { // the root directory; errors on record
		out, err := exec.Command("debugfs", "-w", "-R", request, backend.image("v")).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	n.want(codes.FailedPrecondition, n.stage("v", fstype("ext4")), "e2fsck")
	require.Zero(t, n.mounts())
	backend.detached(t, "v")
	n.nothingLeft()
}

// TestR4_AFileSystemThatShutDownIsNotStaged: it is mounted, and every access
// fails.
func TestR4_AFileSystemThatShutDownIsNotStaged(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("xfs")))
	dir, err := os.Open(n.stagingPath("v"))
	require.NoError(t, err)
	const goingDown, noLog = 0x8004587d, 2 // XFS_IOC_GOINGDOWN
	require.NoError(t, unix.IoctlSetPointerInt(int(dir.Fd()), goingDown, noLog))
	require.NoError(t, dir.Close())
	staging := filepath.Join(n.dir, "kubelet", "staging", "v") // nobody can look at it
	_, err = n.NodeStageVolume(t.Context(), &csipb.NodeStageVolumeRequest{VolumeId: "v", StagingTargetPath: staging,
		VolumeCapability: mountAccess(csi.SingleNodeMultiWriter, "xfs"), VolumeContext: map[string]string{"csikit.io/origin": "new"}})
	n.want(codes.Unavailable, err, "does not work")
	_, err = n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: staging})
	require.NoError(t, err)
	n.nothingLeft()
}

// TestRule20_ADeviceOfAnEarlierBootIsNobodys: its number is another's since. An
// unstage neither waits for it nor changes it.
func TestRule20_ADeviceOfAnEarlierBootIsNobodys(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v"))
	require.NoError(t, unix.Unmount(n.stagingPath("v"), 0))
	n.stop()
	changed := 0
	require.NoError(t, filepath.WalkDir(n.opts.StateDir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		// As if all of it had been saved for good, in another boot.
		text := strings.ReplaceAll(string(data), `{"boot":"`+nodestate.BootID()+`",`, "{")
		changed += strings.Count(text, nodestate.BootID())
		return os.WriteFile(path, []byte(strings.ReplaceAll(text, nodestate.BootID(), "earlier")), 0o600)
	}))
	require.NotZero(t, changed)
	busy, err := os.OpenFile(backend.device(t, "v"), os.O_RDONLY|unix.O_EXCL, 0)
	require.NoError(t, err)
	n.start()
	require.NoError(t, n.unstage("v"))
	require.NoError(t, busy.Close())
	require.Equal(t, 1, backend.released)
	n.nothingLeft()
}

// heldDevice attaches a volume and keeps its device, so that nobody else gets it
// while its flag is looked at.
func heldDevice(t *testing.T, backend *loopFake, id string) *fs.Device {
	t.Helper()
	_, err := backend.Locate(t.Context(), csi.NodeVolume{ID: id})
	require.NoError(t, err)
	device, err := fs.Open(backend.device(t, id))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, device.SetReadOnly(false))
		require.NoError(t, device.Close())
	})
	return device
}

func requireFlag(t *testing.T, device *fs.Device, want string) {
	t.Helper()
	flag, err := device.Sysfs("ro")
	require.NoError(t, err)
	require.Equal(t, want, flag)
}

// TestRuling32_SomebodyElsesMarkStays: readers use a device that is read-only
// already, and leave it so.
func TestRuling32_SomebodyElsesMarkStays(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	require.NoError(t, n.unstage("v"))
	device := heldDevice(t, backend, "v")
	require.NoError(t, device.SetReadOnly(true))
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "ext4")
	}))
	require.NoError(t, n.unstage("v"))
	requireFlag(t, device, "1")
	n.nothingLeft()
}

// TestRuling32_AFailedStageTakesItsMarkBack: readers of an empty device get an
// error, and a writer after them a device that can be written.
func TestRuling32_AFailedStageTakesItsMarkBack(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	device := heldDevice(t, backend, "v")
	n.want(codes.FailedPrecondition, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "ext4")
	}), "read-only")
	requireFlag(t, device, "0")
	n.nothingLeft()
}

// TestRuling32_NoMarkIsTakenBackWithoutProof: the number of a device that has gone
// is given away again. Kernels before 5.15 do not number disks otherwise; there it
// is what the backend has promised that tells.
func TestRuling32_NoMarkIsTakenBackWithoutProof(t *testing.T) {
	sequence := regexp.MustCompile(`"sequence":"[0-9]+",?`)
	for name, c := range map[string]struct {
		promise  bool
		recorded func(string) string
		flag     string
	}{
		"diskseq":               {false, func(r string) string { return r }, "0"},
		"nothing":               {false, func(r string) string { return sequence.ReplaceAllString(r, "") }, "1"},
		"promise is kept":       {true, func(r string) string { return sequence.ReplaceAllString(r, "") }, "0"},
		"promise is not kept":   {true, func(r string) string { return strings.ReplaceAll(sequence.ReplaceAllString(r, ""), "/v\"", "/w\"") }, "1"},
		"diskseq and a promise": {true, func(r string) string { return strings.ReplaceAll(r, "/v\"", "/w\"") }, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			n, backend := newLoopNode(t, "v")
			if c.promise {
				backend.set(func(d *csi.Device) { d.Sysfs = map[string]string{"loop/backing_file": backend.image("v")} })
			}
			require.NoError(t, n.stage("v", fstype("ext4")))
			require.NoError(t, n.unstage("v"))
			device := heldDevice(t, backend, "v")
			require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
				r.VolumeCapability = mountAccess(csi.MultiNodeReaderOnly, "ext4")
			}))
			requireFlag(t, device, "1")
			n.stop()
			records, err := filepath.Glob(filepath.Join(n.opts.StateDir, "volumes", "*.json"))
			require.NoError(t, err)
			require.Len(t, records, 1)
			text, err := os.ReadFile(records[0])
			require.NoError(t, err)
			require.Regexp(t, sequence, string(text))
			require.NoError(t, os.WriteFile(records[0], []byte(c.recorded(string(text))), 0o600))
			n.start()
			require.NoError(t, n.unstage("v"))
			requireFlag(t, device, c.flag)
			n.nothingLeft()
		})
	}
}

// TestRule24_SomebodyElsesMarkOnARawDevice is not taken back by a publish for
// writing.
func TestRule24_SomebodyElsesMarkOnARawDevice(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	v := rawVolume{n, csi.SingleNodeMultiWriter}
	device := heldDevice(t, backend, "v")
	require.NoError(t, v.stageRaw())
	require.NoError(t, device.SetReadOnly(true))
	n.want(codes.FailedPrecondition, v.publishRaw("writer", false), "not this driver", "blockdev --setrw")
	requireFlag(t, device, "1")
	require.NoError(t, device.SetReadOnly(false))
	require.NoError(t, v.publishRaw("writer", false))
	require.NoError(t, n.unpublish("v", n.path("writer")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestRule24_WhatAWriterLeftInMemoryIsWrittenFirst: a device that the kernel
// refuses writes to could never take it any more.
func TestRule24_WhatAWriterLeftInMemoryIsWrittenFirst(t *testing.T) {
	n, backend := newLoopNode(t, "v")
	v := rawVolume{n, csi.SingleNodeMultiWriter}
	require.NoError(t, v.stageRaw())
	writableAgain(t, backend.device(t, "v"))
	writer, err := os.OpenFile(backend.device(t, "v"), os.O_WRONLY, 0) // who closes a device last writes it out
	require.NoError(t, err)
	_, err = writer.WriteAt([]byte("in memory"), 1<<20)
	require.NoError(t, err)
	require.NoError(t, v.publishRaw("reader", true))
	image, err := os.Open(backend.image("v"))
	require.NoError(t, err)
	b := make([]byte, len("in memory"))
	_, err = image.ReadAt(b, 1<<20)
	require.NoError(t, err)
	require.Equal(t, "in memory", string(b))
	require.NoError(t, image.Close())
	require.NoError(t, writer.Close())
	require.NoError(t, n.unpublish("v", n.path("reader")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}
