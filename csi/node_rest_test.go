package csi_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// mountsItself is a backend whose shares it mounts itself, and with no source to
// be known by, as a FUSE file system; after is called after each mount.
func mountsItself(table **mounttest.Table, after func() error) *nodeFake {
	backend := &nodeFake{}
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Mount: func(ctx context.Context, dir string) error {
			return errors.Join((*table).Mount(ctx, mount.Mount{Type: "fuse.x", Source: "daemon"}, dir), after())
		}}, nil
	})
	return backend
}

// TestStage_AShareOfAnAttemptThatDidNotEnd is mounted anew, and goes if the volume
// is refused for good: the kubelet does not unstage then.
func TestStage_AShareOfAnAttemptThatDidNotEnd(t *testing.T) {
	late := errors.New("late")
	var table *mounttest.Table
	backend := mountsItself(&table, func() error { return late })
	n, mounts := newNode(t, backend)
	table = mounts
	n.want(codes.Unavailable, n.stage("v"))
	require.Len(t, table.Mounts(), 1)
	late = nil
	n.restart()
	require.NoError(t, n.stage("v"))
	require.Len(t, table.Mounts(), 1)
	require.NoError(t, n.publish("v", n.path("pod/mount")))
	require.NoError(t, n.unpublish("v", n.path("pod/mount")))
	require.NoError(t, n.unstage("v"))

	late = errors.New("late")
	n.want(codes.Unavailable, n.stage("v"))
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) { return nil, csi.ErrNotFound })
	_, before := backend.counts()
	n.want(codes.NotFound, n.stage("v"))
	require.Empty(t, table.Mounts())
	_, after := backend.counts()
	require.Equal(t, before+1, after, "it is released")
	n.nothingLeft()
}

// TestRuling27_AKillWhileAShareIsRevived: the share is mounted again, but that is
// not written down.
func TestRuling27_AKillWhileAShareIsRevived(t *testing.T) {
	for _, mounted := range []string{"by the driver", "by the backend"} {
		t.Run(mounted, func(t *testing.T) {
			backend := &nodeFake{}
			var table *mounttest.Table
			if mounted == "by the backend" {
				backend = mountsItself(&table, func() error { return nil })
			}
			n, mounts := newNode(t, backend)
			table = mounts
			require.NoError(t, n.stage("v"))
			require.NoError(t, n.publish("v", n.path("a/mount")))
			p := sharedPath{nodeUnderTest: n}
			p.rewrite(`"phase":"staged"`, `"phase":"reviving"`)
			p.rewrite(`"mount":{`, `"gone":{`)
			n.restart()
			for range 2 {
				require.NoError(t, n.publish("v", n.path("b/mount")))
			}
			require.NoError(t, n.stage("v"))
			require.NoError(t, n.unpublish("v", n.path("a/mount")))
			require.NoError(t, n.unpublish("v", n.path("b/mount")))
			require.NoError(t, n.unstage("v"))
			require.Empty(t, table.Mounts())
			n.nothingLeft()
		})
	}
}

// TestUnstage_AnotherVolumesMountStays although something is written down of the
// volume that is unstaged: that does not speak of this mount.
func TestUnstage_AnotherVolumesMountStays(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	p := sharedPath{n, n.stagingPath("y"), n.path("y/mount")}
	require.NoError(t, n.stage("x"))
	require.NoError(t, table.Unmount(t.Context(), n.stagingPath("x")))
	require.NoError(t, n.stage("y"))
	require.NoError(t, p.unstageX(), "staged elsewhere")
	require.Len(t, mountedAt(table, p.staging), 1)
	require.NoError(t, n.unstage("y"))

	backend.set(func(_ context.Context, v csi.NodeVolume) (csi.Source, error) {
		if v.ID == "x" {
			return nil, csi.ErrUnavailable
		}
		return csi.Share{Type: "nfs", Source: "server:/" + v.ID}, nil
	})
	stageX := func() error {
		return n.stage("x", func(r *csipb.NodeStageVolumeRequest) { r.StagingTargetPath = p.staging })
	}
	n.want(codes.Unavailable, stageX())
	require.NoError(t, n.stage("y"))
	n.want(codes.AlreadyExists, stageX(), "volume y is staged at")
	require.NoError(t, p.unstageX(), "never staged")
	require.Len(t, mountedAt(table, p.staging), 1)
	require.NoError(t, n.publish("y", p.target))
	require.NoError(t, n.unpublish("y", p.target))
	require.NoError(t, n.unstage("y"))
	n.nothingLeft()
}

// TestUnpublish_AnInlineVolumeElsewhere: what is published at another target is
// not deleted.
func TestUnpublish_AnInlineVolumeElsewhere(t *testing.T) {
	backend := &ephemeralFake{ids: map[string]bool{}}
	n, table := newNode(t, backend)
	one := n.path("one/mount")
	require.NoError(t, n.publish("csi-1", one, inline))
	require.NoError(t, n.unpublish("csi-1", n.path("two/mount")))
	require.Empty(t, backend.deleted)
	require.Len(t, mountedAt(table, one), 1)
	require.NoError(t, n.unpublish("csi-1", one))
	require.Len(t, backend.deleted, 1)
	require.NoError(t, n.unpublish("csi-1", one))
}
