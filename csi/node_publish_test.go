package csi_test

import (
	"context"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

func TestRule21_PublishWithoutStage(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	target := n.path("pod/mount")
	n.want(codes.FailedPrecondition, n.publish("v", target), "NodeStageVolume first")
	n.want(codes.FailedPrecondition, n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) { r.StagingTargetPath = "" }))
	require.NoFileExists(t, target)
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

// TestRule22_PublishTable is the spec's table of NodePublishVolume.
func TestRule22_PublishTable(t *testing.T) {
	mode := func(m csi.AccessMode) func(*csipb.NodePublishVolumeRequest) {
		return func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = mountAccess(m, "") }
	}
	readonly := func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }
	for _, test := range []struct {
		name          string
		first, second func(*csipb.NodePublishVolumeRequest)
		elsewhere     bool // T1≠T2
		want          codes.Code
	}{
		{"T1=T2 P1=P2", mode(csi.SingleNodeWriter), mode(csi.SingleNodeWriter), false, codes.OK},
		{"T1=T2 other readonly", mode(csi.SingleNodeMultiWriter), readonly, false, codes.AlreadyExists},
		{"T1=T2 other capability", mode(csi.SingleNodeMultiWriter), mode(csi.SingleNodeWriter), false, codes.AlreadyExists},
		{"T1≠T2 SINGLE_NODE_WRITER", mode(csi.SingleNodeWriter), mode(csi.SingleNodeWriter), true, codes.FailedPrecondition},
		{"T1≠T2 SINGLE_NODE_SINGLE_WRITER", mode(csi.SingleNodeSingleWriter), mode(csi.SingleNodeSingleWriter), true, codes.FailedPrecondition},
		{"T1≠T2 second is alone", mode(csi.SingleNodeMultiWriter), mode(csi.SingleNodeSingleWriter), true, codes.FailedPrecondition},
		{"T1≠T2 first is alone", mode(csi.SingleNodeSingleWriter), mode(csi.SingleNodeMultiWriter), true, codes.FailedPrecondition},
		{"T1≠T2 SINGLE_NODE_MULTI_WRITER", mode(csi.SingleNodeMultiWriter), mode(csi.SingleNodeMultiWriter), true, codes.OK},
		{"T1≠T2 other readonly", mode(csi.SingleNodeMultiWriter), readonly, true, codes.OK},
		{"T1≠T2 MULTI_NODE_MULTI_WRITER", mode(csi.MultiNodeMultiWriter), mode(csi.MultiNodeMultiWriter), true, codes.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, table := newNode(t, &nodeFake{})
			require.NoError(t, n.stage("v"))
			one, two := n.path("a/mount"), n.path("b/mount")
			if !test.elsewhere {
				two = one
			}
			require.NoError(t, n.publish("v", one, test.first))
			n.restart()
			err := n.publish("v", two, test.second)
			n.want(test.want, err)
			if _, other, ok := strings.Cut(test.name, "T1=T2 other "); ok {
				require.ErrorContains(t, err, "another")
				require.ErrorContains(t, err, other)
			}
			require.Len(t, mountedAt(table, one), 1)
			if test.want == codes.FailedPrecondition {
				require.NoFileExists(t, two)
				require.NoError(t, n.unpublish("v", one))
				require.NoError(t, n.publish("v", two, test.second), "the other target is free now")
			}
		})
	}
}

// TestRule22_AnotherStagingPath is another request.
func TestRule22_AnotherStagingPath(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target))
	n.want(codes.AlreadyExists, n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) {
		r.StagingTargetPath = n.stagingPath("elsewhere")
	}), "staging_target_path")
	require.Len(t, mountedAt(table, target), 1)
}

// TestRuling29_TargetsAreAskedOfTheKernel: an entry of the index whose mount
// has gone excludes nobody.
func TestRuling29_TargetsAreAskedOfTheKernel(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	alone := func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeSingleWriter, "")
	}
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", n.path("a/mount"), alone))
	require.NoError(t, table.Unmount(t.Context(), n.path("a/mount")))
	require.NoError(t, n.publish("v", n.path("b/mount"), alone))
}

func TestRule23_SecretsAreNotCompared(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	for _, secret := range []string{"one", "two"} {
		require.NoError(t, n.publish("v", target, func(r *csipb.NodePublishVolumeRequest) {
			r.Secrets = map[string]string{"token": secret}
			r.VolumeContext = maps.Clone(r.VolumeContext)
			r.VolumeContext["csi.storage.k8s.io/pod.uid"] = secret
			r.VolumeContext["csi.storage.k8s.io/serviceAccount.tokens"] = `{"aud":{"token":"` + secret + `"}}`
		}))
	}
}

func TestRule24_ReadonlyIsForOneTarget(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	rw, ro := n.path("rw/mount"), n.path("ro/mount")
	require.NoError(t, n.publish("v", rw))
	require.NoError(t, n.publish("v", ro, func(r *csipb.NodePublishVolumeRequest) {
		r.Readonly = true
	}))
	require.False(t, mountedAt(table, rw)[0].ReadOnly)
	require.True(t, mountedAt(table, ro)[0].ReadOnly)
	require.False(t, mountedAt(table, n.stagingPath("v"))[0].ReadOnly)
}

func TestRule24_ReadOnlyByModeOrOption(t *testing.T) {
	for name, capability := range map[string]*csipb.VolumeCapability{
		"SINGLE_NODE_READER_ONLY": mountAccess(csi.SingleNodeReaderOnly, ""),
		"MULTI_NODE_READER_ONLY":  mountAccess(csi.MultiNodeReaderOnly, ""),
		"ro":                      mountAccess(csi.SingleNodeMultiWriter, "", "ro"),
		"ro and rw":               mountAccess(csi.SingleNodeMultiWriter, "", "ro", "rw"),
	} {
		t.Run(name, func(t *testing.T) {
			n, table := newNode(t, &nodeFake{})
			require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = capability }))
			require.NoError(t, n.publish("v", n.path("pod/mount"), func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = capability }))
			for _, e := range table.Mounts() {
				require.True(t, e.ReadOnly, e.Target)
			}
		})
	}
}

// TestRule24_AReadersTargetIsReadOnly, also where the backend has mounted the
// share so that it can be written.
func TestRule24_AReadersTargetIsReadOnly(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Source: "x", Mount: func(_ context.Context, dir string) error {
			table.Stack(mounttest.Entry{Target: dir, Info: mount.Info{Source: "x", Type: "fuse.x", Root: "/"}})
			return nil
		}}, nil
	})
	reader := mountAccess(csi.MultiNodeReaderOnly, "")
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = reader }))
	require.NoError(t, n.publish("v", n.path("pod/mount"), func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability = reader }))
	require.False(t, mountedAt(table, n.stagingPath("v"))[0].ReadOnly, "or this test proves nothing")
	require.True(t, mountedAt(table, n.path("pod/mount"))[0].ReadOnly)
}

// TestR15_FlagsOfSharesAreChecked against the list, before anything is mounted.
func TestR15_FlagsOfSharesAreChecked(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	for _, flag := range []string{"addr=10.0.0.1", "bg", "bind", "no_such_option"} {
		n.want(codes.InvalidArgument, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flag)
		}), "not allowed")
		require.Empty(t, table.Mounts())
	}
	n.nothingLeft()
}

func TestRule25_UnpublishDeletesTheTarget(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target))
	table.Stack(mounttest.Entry{Target: target})
	require.NoError(t, n.unpublish("v", target))
	require.Empty(t, mountedAt(table, target), "all layers")
	require.NoFileExists(t, target)
	require.NoError(t, n.unpublish("v", target), "again")
	n.restart()
	require.NoError(t, n.unpublish("v", target), "after a restart")
	require.NoError(t, n.unpublish("never", n.path("never/mount")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestR8_OnlyEmptyTargetsAreDeleted: what was written below a target that was
// not mounted is not ours to delete.
func TestR8_OnlyEmptyTargetsAreDeleted(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	target := n.path("pod/mount")
	require.NoError(t, os.MkdirAll(target, 0o755))
	require.NoError(t, os.WriteFile(target+"/data", []byte("precious"), 0o600))
	require.Error(t, n.unpublish("v", target))
	require.FileExists(t, target+"/data")
}

func TestRuling27_ADeadShareIsMountedAgain(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	staging := n.stagingPath("v")
	require.NoError(t, n.stage("v"))
	before := mountedAt(table, staging)[0].ID
	table.Change(staging, func(e *mounttest.Entry) { e.Dead = syscall.ENOTCONN })
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) { return nil, csi.ErrFailed })
	n.want(codes.Internal, n.publish("v", n.path("pod/mount")))
	backend.set(nil)
	require.NoError(t, n.publish("v", n.path("pod/mount")), "the failed attempt is repeated")
	require.NotEqual(t, before, mountedAt(table, staging)[0].ID)
	require.NoError(t, n.unpublish("v", n.path("pod/mount")))
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

func TestR4_ForeignMountsAreNotTaken(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	table.Stack(mounttest.Entry{Target: n.stagingPath("v")})
	n.want(codes.AlreadyExists, n.stage("v"))
	require.Len(t, table.Mounts(), 1)

	require.NoError(t, n.stage("w"))
	target := n.path("pod/mount")
	table.Stack(mounttest.Entry{Target: target})
	n.want(codes.AlreadyExists, n.publish("w", target))
	require.Len(t, mountedAt(table, target), 1)
}
