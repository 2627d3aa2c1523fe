package csi_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// A tokenFake writes a file into a tmpfs for each pod.
type tokenFake struct{ perPodFake }

func (f *tokenFake) Populate(_ context.Context, dir string, v csi.NodeVolume) error {
	return os.WriteFile(filepath.Join(dir, "token"), []byte(v.Pod.UID), 0o600)
}

// TestRuling28_APrivateMountThatWasLost is taken back from the target, where it
// is read-only, and is written to all the same.
func TestRuling28_APrivateMountThatWasLost(t *testing.T) { eachKernel(t, testAPrivateMountThatWasLost) }

func testAPrivateMountThatWasLost(t *testing.T, only *mount.Features) {
	backend := &tokenFake{}
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Type: "tmpfs", Source: "secrets"}, nil
	})
	n := startNode(t, backend, looptest.Dir(t), csi.Options{Mounts: &mount.Kernel{Only: only}})
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target, ofPod("p1"), forReading))
	private, err := filepath.Glob(filepath.Join(n.opts.StateDir, "private", "*"))
	require.NoError(t, err)
	require.Len(t, private, 1)
	require.NoError(t, unix.Unmount(private[0], 0), "as a restart of a plugin without propagation does")
	n.restart()
	for _, pod := range []string{"p2", "p3"} {
		require.NoError(t, n.publish("v", target, ofPod(pod), forReading))
		token, err := os.ReadFile(filepath.Join(target, "token"))
		require.NoError(t, err)
		require.Equal(t, pod, string(token), "the pod sees what is written for it")
		require.ErrorIs(t, os.WriteFile(filepath.Join(target, "token"), nil, 0o600), unix.EROFS)
	}
	require.NoError(t, n.unpublish("v", target))
	require.Zero(t, n.mounts())
	n.nothingLeft()
}
