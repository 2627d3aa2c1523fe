package csi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/looptest"
)

// silence mounts a file system at dir of which nothing ever answers, and gives it
// an end.
func silence(t *testing.T, dir string) (end func()) {
	daemon, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs /dev/fuse: modprobe fuse")
	}
	require.NoError(t, err)
	options := fmt.Sprintf("rootmode=40000,user_id=0,group_id=0,fd=%d", daemon.Fd())
	require.NoError(t, unix.Mount("silent", dir, "fuse.silent", 0, options))
	end = sync.OnceFunc(func() {
		require.NoError(t, errors.Join(unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH), daemon.Close()))
	})
	t.Cleanup(end)
	return end
}

// TestR14_AStateDirectoryThatDoesNotAnswer: every RPC answers by its deadline and
// the driver stops by its own, although nothing can be done.
func TestR14_AStateDirectoryThatDoesNotAnswer(t *testing.T) {
	n, _ := newLoopNode(t, "v")
	n.stop()
	n.opts.StateDir = filepath.Join(looptest.Dir(t), "state")
	require.NoError(t, os.Mkdir(n.opts.StateDir, 0o700))
	n.start()
	end := silence(t, n.opts.StateDir)
	for range 2 {
		for _, id := range []string{"v", "w"} {
			soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err := n.NodeUnstageVolume(soon, &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: n.stagingPath(id)})
			cancel()
			n.want(codes.Aborted, err, id)
		}
	}
	stopped := make(chan error, 1)
	go func() {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		stopped <- n.driver.Shutdown(ended)
	}()
	select {
	case err := <-stopped:
		require.ErrorContains(t, err, "NodeUnstageVolume")
	case <-time.After(20 * time.Second):
		t.Error("Shutdown hangs")
	}
	end()
	require.NoError(t, n.driver.Shutdown(t.Context()), "all have returned")
}
