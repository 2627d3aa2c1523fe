package csi_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

func TestRule19_StageAgain(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.stage("v"), "identical")
	n.restart()
	require.NoError(t, n.stage("v"), "identical, after a restart")
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeWriter, "")
		r.Secrets = map[string]string{"user": "other"}
		r.PublishContext = map[string]string{"path": "/dev/moved"}
	}), "what makes no difference to the mount")
	require.Len(t, mountedAt(table, n.stagingPath("v")), 1, "never stacked (R4)")

	for what, capability := range map[string]*csipb.VolumeCapability{
		"reader":     mountAccess(csi.MultiNodeReaderOnly, ""),
		"options":    mountAccess(csi.SingleNodeMultiWriter, "", "noatime"),
		"raw device": rawAccess(csi.SingleNodeMultiWriter),
	} {
		n.want(codes.AlreadyExists, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = capability }), "v")
		require.Len(t, mountedAt(table, n.stagingPath("v")), 1, what)
	}
	_, released := backend.counts()
	require.Zero(t, released, "an incompatible request takes nothing away from a compatible one")
	require.NoError(t, n.stage("v"), "still staged as at first")

	n.want(codes.FailedPrecondition, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.StagingTargetPath = n.stagingPath("elsewhere")
	}), n.stagingPath("v"))
}

// TestRule19_IncompatibleShares: a share tells little of how it is mounted, so
// that the request is compared with the one that it was staged for.
func TestRule19_IncompatibleShares(t *testing.T) {
	of := func(mode csi.AccessMode, fstype, group string) func(*csipb.NodeStageVolumeRequest) {
		capability := mountAccess(mode, fstype)
		capability.GetMount().VolumeMountGroup = group
		return func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = capability }
	}
	for name, test := range map[string]struct {
		first, second func(*csipb.NodeStageVolumeRequest)
		text          string
	}{
		"a reader's, for a writer": {of(csi.SingleNodeReaderOnly, "", ""), of(csi.SingleNodeMultiWriter, "", ""), "access mode"},
		"another file system":      {of(csi.SingleNodeMultiWriter, "nfs", ""), of(csi.SingleNodeMultiWriter, "cifs", ""), "fs_type: nfs, not cifs"},
		"another group":            {of(csi.SingleNodeMultiWriter, "", "1000"), of(csi.SingleNodeMultiWriter, "", "2000"), "volume_mount_group: 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			n, table := newNode(t, &groupFake{})
			require.NoError(t, n.stage("v", test.first))
			n.want(codes.AlreadyExists, n.stage("v", test.second), test.text)
			require.Len(t, mountedAt(table, n.stagingPath("v")), 1)
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}

func TestRule19_UnsupportedCapability(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	n.want(codes.FailedPrecondition, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = rawAccess(csi.SingleNodeWriter)
	}), "raw device")
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

func TestRule20_UnstageWhatIsNotStaged(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	require.NoError(t, n.unstage("never"))
	_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "never", StagingTargetPath: "/no/such/path"})
	require.NoError(t, err)

	require.NoError(t, n.stage("v"))
	require.NoError(t, n.unstage("v"))
	require.NoError(t, n.unstage("v"))
	require.DirExists(t, n.stagingPath("v"), "the directory is the CO's")
	n.nothingLeft()
}

func TestRule20_UnstageAfterAReboot(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.PublishContext = map[string]string{"lun": "4"} }))
	n.stop()
	table.Reboot()
	n.start()
	require.NoError(t, os.RemoveAll(n.stagingPath("v")))
	require.NoError(t, n.unstage("v"))
	require.Equal(t, map[string]string{"lun": "4"}, backend.released[0].PublishContext, "what Locate got (ruling 25)")
	n.nothingLeft()
}

// TestRule20_TargetsOfAnEarlierBoot are forgotten with the volume.
func TestRule20_TargetsOfAnEarlierBoot(t *testing.T) {
	n, table := newNode(t, &nodeFake{})
	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", n.path("pod/mount")))
	table.Reboot()
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

// TestRule20_UnstageElsewhere: a path where the volume is not staged is done,
// and the one where it is stays.
func TestRule20_UnstageElsewhere(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	require.NoError(t, n.stage("v"))
	_, err := n.NodeUnstageVolume(t.Context(), &csipb.NodeUnstageVolumeRequest{VolumeId: "v", StagingTargetPath: n.stagingPath("elsewhere")})
	require.NoError(t, err)
	require.Len(t, table.Mounts(), 1)
	_, released := backend.counts()
	require.Zero(t, released)
}

func TestRuling25_ReleaseGetsWhatLocateGot(t *testing.T) {
	backend := &nodeFake{}
	n, _ := newNode(t, backend)
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
		r.Secrets = map[string]string{"password": "hunter2"}
		r.PublishContext = map[string]string{"lun": "4"}
		r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", "vers=4.1")
	}))
	require.NoError(t, n.unstage("v"))
	want := backend.located[0]
	require.Equal(t, csi.Secrets{"password": "hunter2"}, want.Secrets)
	require.Equal(t, map[string]string{"pool": "one"}, want.Context)
	want.Secrets = nil
	require.Equal(t, []csi.NodeVolume{want}, backend.released)

	require.NoError(t, n.stage("v"))
	require.NoError(t, os.RemoveAll(n.opts.StateDir))
	require.NoError(t, n.unstage("v"))
	require.Equal(t, csi.NodeVolume{ID: "v"}, backend.released[1], "only the id if the state was lost")
}

// TestRule38_OptionsReachTheRealMount: a bind ignores options of the file
// system, so they must be there at stage; a group is handed to the mount.
func TestRule38_OptionsReachTheRealMount(t *testing.T) {
	n, table := newNode(t, &groupFake{})
	capability := mountAccess(csi.SingleNodeMultiWriter, "", "vers=4.1", "noatime")
	capability.GetMount().VolumeMountGroup = "1000"
	require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = capability }))
	require.Equal(t, []string{"gid", "noatime", "soft", "vers"}, optionKeys(mountedAt(table, n.stagingPath("v"))[0].Mounted))
}

// TestRuling26_TheContextIsUnquoted: the kubelet quotes it, since it holds
// commas; the kernel takes it as it is.
func TestRuling26_TheContextIsUnquoted(t *testing.T) {
	n, table := newNode(t, &groupFake{})
	const labels = "system_u:object_r:container_file_t:s0:c1,c2"
	for _, flag := range []string{`context="` + labels + `"`, `context=` + labels} {
		require.NoError(t, n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flag)
		}))
		require.Contains(t, mountedAt(table, n.stagingPath("v"))[0].Mounted, mount.Option{Key: "context", Value: labels})
		require.NoError(t, n.unstage("v"))
	}
}

// TestR16_AnotherContextIsRefused: one file system has one context. The CO is
// told which one it has.
func TestR16_AnotherContextIsRefused(t *testing.T) {
	n, _ := newNode(t, &groupFake{})
	stage := func(flags ...string) error {
		return n.stage("v", func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, "", flags...)
		})
	}
	require.NoError(t, stage("context=u:r:t:s0:c1,c2"))
	n.want(codes.AlreadyExists, stage("context=u:r:t:s0:c1,c3"), "context=u:r:t:s0:c1,c2, not context=u:r:t:s0:c1,c3")
	n.want(codes.AlreadyExists, stage(), "context=u:r:t:s0:c1,c2", "not none")
	require.NoError(t, n.unstage("v"))
	n.nothingLeft()
}

type groupFake struct{ nodeFake }

func (f *groupFake) Traits() csi.Traits {
	return csi.Traits{Block: []csi.AccessMode{}, MountGroup: true}
}

func (f *groupFake) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return &csi.Share{Type: "nfs", Source: "server:/v", Options: []csi.Option{{Key: "soft"}}}, nil
}

func TestRule40_UndoneOnFinalErrorsOnly(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		undone bool
	}{
		"final":        {csi.ErrFailed, true},
		"not found":    {csi.ErrNotFound, true},
		"exhausted":    {csi.ErrExhausted, true},
		"unavailable":  {csi.ErrUnavailable, false},
		"unclassified": {errors.New("strange"), false},
	} {
		t.Run(name, func(t *testing.T) {
			backend := &nodeFake{}
			n, table := newNode(t, backend)
			backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) { return nil, test.err })
			require.Error(t, n.stage("v"))
			_, released := backend.counts()
			require.Equal(t, test.undone, released == 1, "Release must undo what Locate may have begun")
			require.Empty(t, table.Mounts())
			if test.undone {
				n.nothingLeft()
				return
			}
			backend.set(nil)
			require.NoError(t, n.stage("v"), "the retry goes on")
		})
	}
}

// TestRule40_StageIsUndoneInFull: the mount that was made is gone, too.
func TestRule40_StageIsUndoneInFull(t *testing.T) {
	backend := &nodeFake{}
	n, table := newNode(t, backend)
	staging := n.stagingPath("v")
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Source: "x", Mount: func(_ context.Context, dir string) error {
			table.Stack(mounttest.Entry{Target: dir})
			return csi.ErrExhausted
		}}, nil
	})
	n.want(codes.ResourceExhausted, n.stage("v"))
	require.Empty(t, mountedAt(table, staging))
	n.nothingLeft()

	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Share{Source: "x", Mount: func(context.Context, string) error { return nil }}, nil
	})
	n.want(codes.Internal, n.stage("v"), "nothing is mounted")
	n.nothingLeft()
}
