package csi_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// TestR14_LostBindOfASilentShare: what is bound is looked at to know it again
// after its record is lost; a server that is silent does not keep the stage.
func TestR14_LostBindOfASilentShare(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	source := filepath.Join(dir, "source")
	require.NoError(t, os.Mkdir(source, 0o755))
	backend := &nodeFake{}
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Type: "bind", Source: source}, nil
	})
	n := startNode(t, backend, dir, csi.Options{})
	require.NoError(t, n.stage("v"))
	loseRecords := func() { require.NoError(t, os.RemoveAll(filepath.Join(n.opts.StateDir, "volumes"))) }
	loseRecords()
	require.NoError(t, n.stage("v"), "it is found to be the same")

	loseRecords()
	source = filepath.Join(dir, "silent")
	require.NoError(t, os.Mkdir(source, 0o755))
	daemon := silentFUSE(t, source)
	for range 2 {
		n.want(codes.Unavailable, n.stage("v"), "no answer")
	}
	require.NoError(t, daemon.Close())
	require.NoError(t, unix.Unmount(source, unix.MNT_DETACH))
	require.Eventually(t, func() bool { return status.Code(n.stage("v")) == codes.AlreadyExists }, 10*time.Second, time.Millisecond, "it answers, and is another")
	require.NoError(t, n.unstage("v"))
}

// TestUnstage_ABindOfWhichNothingIsWrittenDown: its device is that of the machine's
// own file system, which will never be free.
func TestUnstage_ABindOfWhichNothingIsWrittenDown(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	disk := filepath.Join(dir, "disk")
	require.NoError(t, os.Mkdir(disk, 0o755))
	device := looptest.Device(t, 16<<20)
	out, err := exec.Command("mkfs.ext4", "-q", device).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, unix.Mount(device, disk, "ext4", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(disk, 0)) }()
	require.NoError(t, os.Mkdir(filepath.Join(disk, "share"), 0o755))
	backend := &nodeFake{}
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Type: "bind", Source: filepath.Join(disk, "share")}, nil
	})
	n := startNode(t, backend, dir, csi.Options{})
	require.NoError(t, n.stage("v"))
	require.NoError(t, os.RemoveAll(filepath.Join(n.opts.StateDir, "volumes")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR14_StatsOfASilentShare: they are answered within the deadline of the
// caller, and so is the probe; another volume goes on.
func TestR14_StatsOfASilentShare(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	backend := &nodeFake{}
	backend.set(func(_ context.Context, v csi.NodeVolume) (csi.Source, error) {
		if v.ID == "other" {
			return csi.Share{Type: "tmpfs", Source: "x"}, nil
		}
		return csi.Share{Source: "x", Mount: func(_ context.Context, at string) error {
			return unix.Mount("x", at, "tmpfs", 0, "")
		}}, nil
	})
	n := startNode(t, backend, dir, csi.Options{})
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.stage("other"))
	paths := map[string]string{"v": n.stagingPath("v"), "other": n.stagingPath("other")} // the test must not look either
	daemon := silentFUSE(t, paths["v"])
	var log safeBuffer
	n.log = &log
	n.restart()
	stats := func(id string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := n.NodeGetVolumeStats(ctx, &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: paths[id]})
		return err
	}
	for range 3 {
		n.want(codes.DeadlineExceeded, stats("v"))
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "NodeGetVolumeStats") }, time.Second, time.Millisecond,
			"the server went on after its caller had gone")
		require.NoError(t, stats("other"))
		log.Reset()
	}
	require.NoError(t, daemon.Close())
	for id, path := range paths {
		_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: path})
		require.NoError(t, err)
	}
}

// silentFUSE mounts a FUSE file system that answers nothing until the file
// returned is closed.
func silentFUSE(t *testing.T, at string) *os.File {
	daemon, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
	t.Cleanup(func() { _ = daemon.Close() })
	data := "rootmode=40000,user_id=0,group_id=0,fd=" + strconv.Itoa(int(daemon.Fd()))
	require.NoError(t, unix.Mount("daemon", at, "fuse.test", unix.MS_NODEV|unix.MS_NOSUID, data))
	return daemon
}

// A safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func (b *safeBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Buffer.Reset()
}
