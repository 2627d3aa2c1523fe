package csi_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	mountutils "k8s.io/mount-utils"
	utilexec "k8s.io/utils/exec"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

// A finding is one way in which drivers on k8s.io/mount-utils lose data or
// volumes. reproduce brings it about on one device, first with this driver
// through gRPC and then with mount-utils, asserts what became of each, and says
// it in words.
type finding struct {
	name      string
	reproduce func(t *testing.T, f *finding)
	ours      string
	theirs    string
}

// TestSixFindings reproduces the six worst findings side by side. The one about
// a device that hangs while it has dirty data needs device-mapper; here the
// same wrong success comes from a mount that another namespace holds.
func TestSixFindings(t *testing.T) {
	looptest.NeedRoot(t)
	findings := []*finding{
		{name: "1 unreadable taken for unformatted", reproduce: unreadableIsNotEmpty},
		{name: "2 unstaged with unwritten data", reproduce: unstagedMeansWritten},
		{name: "3 mkfs.xfs killed", reproduce: killedMkfsIsRepeated},
		{name: "4 killed between bind and read-only", reproduce: readOnlyIsAtomic},
		{name: "5 stale page cache of the device", reproduce: staleCacheIsNotBelieved},
		{name: "6 two binds, one unmount, RemoveAll", reproduce: stackedTargetIsNotWiped},
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FINDING\tMOUNT-UTILS\tCSIKIT")
	for _, f := range findings {
		f.ours, f.theirs = "not run", "not run"
		t.Run(f.name, func(t *testing.T) { f.reproduce(t, f) })
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.name, f.theirs, f.ours)
	}
	require.NoError(t, w.Flush())
	t.Logf("the same devices, one after the other:\n%s", &table)
}

func utils() *mountutils.SafeFormatAndMount {
	return mountutils.NewSafeFormatAndMount(mountutils.NewWithoutSystemd(""), utilexec.New())
}

// healing runs the commands of mount-utils, and ends the fault when blkid has:
// the node of the device appears, or its reads succeed again.
type healing struct {
	utilexec.Interface
	heal func()
}

func (h healing) Command(name string, args ...string) utilexec.Cmd {
	return healed{h.Interface.Command(name, args...), func() {
		if name == "blkid" {
			h.heal()
		}
	}}
}

type healed struct {
	utilexec.Cmd
	after func()
}

func (c healed) CombinedOutput() ([]byte, error) {
	defer c.after()
	return c.Cmd.CombinedOutput()
}

// hold puts a volume with a file of a pod on an image, and lets go of it.
func hold(t *testing.T, n *nodeUnderTest, id, name string) {
	require.NoError(t, n.stage(id, fstype(name)))
	n.write(n.stagingPath(id), "precious")
	require.NoError(t, n.unstage(id))
}

// holds reports whether the pod's file is on an image.
func holds(t *testing.T, image, name string) bool {
	device, at := looptest.Attach(t, image), t.TempDir()
	if unix.Mount(device, at, name, unix.MS_RDONLY, "") != nil {
		return false
	}
	data, _ := os.ReadFile(filepath.Join(at, "data"))
	require.NoError(t, unix.Unmount(at, 0))
	detach(t, device)
	return string(data) == "precious"
}

func detach(t *testing.T, path string) {
	device, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, errors.Join(loopdev.Detach(device), device.Close()))
}

// Finding 1 (kubernetes#142243): blkid answers "nothing found" for a device
// that it could not read.
func unreadableIsNotEmpty(t *testing.T, f *finding) {
	n, backend := newLoopNode(t, "v")
	hold(t, n, "v", "ext4")
	_ = os.Remove(backend.image("v") + ".formatted") // not even the mark says that there is data
	saved := filepath.Join(n.dir, "saved")
	copyImage(t, backend.image("v"), saved)
	looptest.Attach(t, backend.image("v"))
	heal := func() { copyImage(t, saved, backend.image("v")) }

	require.NoError(t, os.Truncate(backend.image("v"), 0)) // every read is EIO now
	n.want(codes.Unavailable, n.stage("v", fstype("ext4")))
	heal()
	require.NoError(t, n.stage("v", fstype("ext4")))
	require.Equal(t, "precious", n.read(n.stagingPath("v")))
	f.ours = "UNAVAILABLE; the retry finds the data"
	require.NoError(t, n.unstage("v"))

	backend.detached(t, "v")
	device := looptest.Attach(t, backend.image("v"))
	require.NoError(t, os.Truncate(backend.image("v"), 0))
	m := utils()
	m.Exec = healing{m.Exec, heal}
	at := n.path("theirs")
	require.NoError(t, os.Mkdir(at, 0o755))
	require.NoError(t, m.FormatAndMount(device, at, "ext4", nil), "it says that all is well")
	require.NoFileExists(t, filepath.Join(at, "data"))
	f.theirs = "success; the data is gone"
	require.NoError(t, unix.Unmount(at, 0))
	detach(t, device)
}

// Finding 2 (kubernetes#101791): the mount is gone from the table, the file
// system lives on, and what pods wrote is not on the device yet.
func unstagedMeansWritten(t *testing.T, f *finding) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	release := copyOfMount(t, n.stagingPath("v"))
	n.write(n.stagingPath("v"), "precious")
	n.want(codes.Aborted, n.unstage("v"), "still used")
	n.want(codes.Aborted, n.unstage("v"), "still used")
	f.ours = "ABORTED until the device is free, then all is written"
	release()
	require.Eventually(t, func() bool { return n.unstage("v") == nil }, 10*time.Second, 20*time.Millisecond)
	require.True(t, holds(t, backend.image("v"), "ext4"))

	require.NoError(t, os.Truncate(backend.image("v"), 0))
	require.NoError(t, os.Truncate(backend.image("v"), imageSize))
	device, at := looptest.Attach(t, backend.image("v")), n.path("theirs")
	require.NoError(t, os.Mkdir(at, 0o755))
	require.NoError(t, utils().FormatAndMount(device, at, "ext4", nil))
	require.NoFileExists(t, filepath.Join(at, "data"))
	release = copyOfMount(t, at)
	n.write(at, "precious")
	require.NoError(t, mountutils.CleanupMountPoint(at, utils(), true))
	elsewhere := filepath.Join(n.dir, "elsewhere") // what the next node sees
	copyImage(t, backend.image("v"), elsewhere)
	require.False(t, holds(t, elsewhere, "ext4"))
	f.theirs = "success; the next node does not see the data"
	release()
	require.Eventually(t, func() bool { return exclusive(device) }, 10*time.Second, 10*time.Millisecond)
	detach(t, device)
}

// copyOfMount keeps a copy of the mount at dir that no mount table shows, as
// another mount namespace does. A real one would copy the mounts of all tests
// that run on this machine, and keep their volumes.
func copyOfMount(t *testing.T, dir string) (release func()) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) {
		t.Skip("open_tree(2) needs Linux 5.2")
	}
	require.NoError(t, err)
	release = sync.OnceFunc(func() { _ = unix.Close(fd) })
	t.Cleanup(release)
	return release
}

func exclusive(device string) bool {
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_EXCL, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err == nil
}

// Finding 5: somebody has kept the device open since it was empty, and another
// node has formatted it since.
func staleCacheIsNotBelieved(t *testing.T, f *finding) {
	n, backend := newLoopNode(t, "v", "other")
	hold(t, n, "other", "ext4")
	_, forget := stale(t, backend.image("v"), backend.image("other"))
	require.NoError(t, n.stage("v", fstype("ext4")))
	require.Equal(t, "precious", n.read(n.stagingPath("v")))
	f.ours = "reads past the cache and mounts that node's data"
	require.NoError(t, n.unstage("v"))
	forget()

	device, forget := stale(t, backend.image("v"), backend.image("other"))
	at := n.path("theirs")
	require.NoError(t, os.Mkdir(at, 0o755))
	require.NoError(t, utils().FormatAndMount(device, at, "ext4", nil))
	require.NoFileExists(t, filepath.Join(at, "data"))
	f.theirs = "formats over that node's data"
	require.NoError(t, unix.Unmount(at, 0))
	forget()
}

// stale gives an image the content of another behind the back of its loop
// device, whose page cache says that it is empty for as long as it is kept open.
func stale(t *testing.T, image, content string) (device string, forget func()) {
	require.NoError(t, os.Truncate(image, 0))
	require.NoError(t, os.Truncate(image, imageSize))
	device = looptest.Attach(t, image)
	kept, err := os.Open(device)
	require.NoError(t, err)
	_, err = kept.Read(make([]byte, 4<<20))
	require.NoError(t, err)
	out, err := exec.Command("dd", "if="+content, "of="+image, "bs=1M", "conv=notrunc,sparse").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return device, func() {
		_ = loopdev.Detach(kept)
		require.NoError(t, kept.Close())
		require.Eventually(t, func() bool { return !attached(image) }, 5*time.Second, 10*time.Millisecond)
	}
}

func attached(path string) bool {
	image, err := os.Open(path)
	if err != nil {
		return false
	}
	defer image.Close()
	info, err := loopdev.Of(image)
	return err != nil || info != nil
}

// Finding 6: what csi-driver-host-path does at unpublish, on a target that was
// bound twice.
func stackedTargetIsNotWiped(t *testing.T, f *finding) {
	n, backend := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	n.write(n.stagingPath("v"), "precious")
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target, asFilesystem("ext4")))
	require.NoError(t, utils().Mount(n.stagingPath("v"), target, "", []string{"bind"}))
	require.NoError(t, n.unpublish("v", target))
	require.NoDirExists(t, target)
	require.Equal(t, "precious", n.read(n.stagingPath("v")))
	f.ours = "takes all layers away, the data stays"

	require.NoError(t, os.Mkdir(target, 0o755))
	for range 2 {
		require.NoError(t, utils().Mount(n.stagingPath("v"), target, "", []string{"bind"}))
	}
	require.NoError(t, utils().Unmount(target))
	require.Error(t, os.RemoveAll(target), "the mount point is busy, but what is in it is gone")
	require.NoFileExists(t, filepath.Join(n.stagingPath("v"), "data"))
	f.theirs = "the volume is empty"
	require.NoError(t, unix.Unmount(target, 0))
	require.NoError(t, os.Remove(target))
	require.NoError(t, n.unstage("v"))
	require.False(t, holds(t, backend.image("v"), "ext4"))
}
