package csi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/nodestate"
)

// A sharedPath is y, staged and published, and calls for x with y's paths: the
// CO can give one staging path to different volumes (kubernetes#87724).
type sharedPath struct {
	*nodeUnderTest
	staging, target string
}

func (p sharedPath) publishX(target string) error {
	return p.publish("x", target, func(r *csipb.NodePublishVolumeRequest) { r.StagingTargetPath = p.staging })
}

func (p sharedPath) unstageX() error {
	_, err := p.NodeUnstageVolume(p.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "x", StagingTargetPath: p.staging})
	return err
}

// rewrite changes what is written down about volumes and targets, by hand.
func (p sharedPath) rewrite(old, new string) {
	records, err := filepath.Glob(filepath.Join(p.opts.StateDir, "*", "*.json"))
	require.NoError(p, err)
	changed := 0
	for _, r := range records {
		data, err := os.ReadFile(r)
		require.NoError(p, err)
		changed += strings.Count(string(data), old)
		require.NoError(p, os.WriteFile(r, []byte(strings.ReplaceAll(string(data), old, new)), 0o600))
	}
	require.NotZero(p, changed)
}

// TestR4_AnotherVolumesMountIsNotTaken where nothing is written down of this one.
func TestR4_AnotherVolumesMountIsNotTaken(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	p := sharedPath{n, n.stagingPath("y"), n.path("y/mount")}
	require.NoError(t, n.stage("y"))
	require.NoError(t, n.publish("y", p.target))
	n.want(codes.FailedPrecondition, p.publishX(n.path("x/mount")), "x is not staged")
	require.NoError(t, p.unstageX())
	require.NoError(t, n.unpublish("x", p.target))
	require.Len(t, mountedAt(table, p.staging), 1, "y is staged still")
	require.Len(t, mountedAt(table, p.target), 1, "and published")
	require.NoError(t, n.publish("y", n.path("y2/mount")))

	for _, target := range []string{p.target, n.path("y2/mount")} {
		require.NoError(t, n.unpublish("y", target))
	}
	require.NoError(t, n.unstage("y"))
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

// TestR4_ARecordIsNoProofOfAnothersMount: what says that the mount is another
// volume's must say so of this mount and of this boot. Else a volume of which
// nothing is written down could never be unstaged.
func TestR4_ARecordIsNoProofOfAnothersMount(t *testing.T) {
	for name, stale := range map[string]func(sharedPath){
		"a record of an earlier boot": func(p sharedPath) { p.rewrite(nodestate.BootID(), "earlier") },
		"everything is lost":          func(p sharedPath) { require.NoError(p, os.RemoveAll(p.opts.StateDir)) },
		"a record of another mount":   func(p sharedPath) { p.rewrite(`"root":"/`, `"root":"/other`) },
	} {
		t.Run(name, func(t *testing.T) {
			n, table := newNode(t, &nodeFake{})
			p := sharedPath{n, n.stagingPath("y"), n.path("y/mount")}
			require.NoError(t, n.stage("y"))
			stale(p)
			require.NoError(t, p.unstageX())
			require.Empty(t, table.Mounts(), "what is mounted may be x")
		})
	}
}

// TestR4_AnEarlierBootsPathIsAnothersNow: the path of a volume that was staged
// before a reboot has another one since, and its own unstage comes late.
func TestR4_AnEarlierBootsPathIsAnothersNow(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	p := sharedPath{n, n.stagingPath("y"), n.path("y/mount")}
	require.NoError(t, n.stage("x", func(r *csipb.NodeStageVolumeRequest) { r.StagingTargetPath = p.staging }))
	require.NoError(t, table.Unmount(t.Context(), p.staging))
	p.rewrite(nodestate.BootID(), "earlier")
	require.NoError(t, n.stage("y"))
	require.NoError(t, p.unstageX())
	require.Len(t, mountedAt(table, p.staging), 1)
	require.Equal(t, "x", backend.released[0].ID)
	require.NoError(t, n.unstage("y"))
	n.nothingLeft()
}

// TestRace_UnstageWhilePublishedAndLost: nothing is taken away from under a pod
// either where only the targets are still written down.
func TestRace_UnstageWhilePublishedAndLost(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	target := n.path("pod/mount")
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", target))
	require.NoError(t, os.RemoveAll(filepath.Join(n.opts.StateDir, "volumes")))
	n.want(codes.Aborted, n.unstage("v"), target)
	require.Len(t, table.Mounts(), 2)
	require.NoError(t, n.publish("v", n.path("pod2/mount")), "it can still be published")
	for _, target := range []string{target, n.path("pod2/mount")} {
		require.NoError(t, n.unpublish("v", target))
	}
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}
