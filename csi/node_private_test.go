package csi_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/mount/mounttest"
)

// A perPodFake stages nothing.
type perPodFake struct{ nodeFake }

func (f *perPodFake) Traits() csi.Traits {
	return csi.Traits{Block: []csi.AccessMode{}, PerPod: true}
}

// A populatingFake writes files for each pod.
type populatingFake struct {
	perPodFake
	table     *mounttest.Table
	populated []string // uid of the pod and whether the target was visible
	fail      error
}

func (f *populatingFake) Populate(_ context.Context, dir string, v csi.NodeVolume) error {
	seen := v.Pod.UID + " hidden"
	for _, e := range f.table.Mounts() {
		if e.Target != dir {
			seen = v.Pod.UID + " visible"
		}
	}
	f.populated = append(f.populated, seen)
	return f.fail
}

// An ephemeralFake makes inline volumes.
type ephemeralFake struct {
	nodeFake
	ids     map[string]bool
	deleted []string
	damaged error // of EphemeralVolumes
	all     sync.Mutex
}

func (f *ephemeralFake) CreateEphemeral(_ context.Context, v csi.NodeVolume) error {
	f.all.Lock()
	defer f.all.Unlock()
	f.ids[v.ID] = true
	return nil
}

func (f *ephemeralFake) DeleteEphemeral(_ context.Context, v csi.NodeVolume) error {
	f.all.Lock()
	defer f.all.Unlock()
	delete(f.ids, v.ID)
	f.deleted = append(f.deleted, v.ID)
	return nil
}

func (f *ephemeralFake) EphemeralVolumes(context.Context) ([]string, error) {
	f.all.Lock()
	defer f.all.Unlock()
	if f.damaged != nil {
		return nil, f.damaged
	}
	return slices.Collect(maps.Keys(f.ids)), nil
}

func unstaged(r *csipb.NodePublishVolumeRequest) { r.StagingTargetPath = "" }

func inline(r *csipb.NodePublishVolumeRequest) {
	r.StagingTargetPath = ""
	r.VolumeCapability = mountAccess(csi.SingleNodeWriter, "")
	r.VolumeContext = map[string]string{"csi.storage.k8s.io/ephemeral": "true", "size": "1Gi"}
}

func ofPod(uid string) func(*csipb.NodePublishVolumeRequest) {
	return func(r *csipb.NodePublishVolumeRequest) {
		r.StagingTargetPath = ""
		r.VolumeContext = map[string]string{"csi.storage.k8s.io/pod.uid": uid}
	}
}

func TestRuling28_PerPod(t *testing.T) {
	backend := &perPodFake{}
	n, table := newNode(t, backend)
	n.want(codes.Unimplemented, n.stage("v"))
	one, two := n.path("one/mount"), n.path("two/mount")
	require.NoError(t, n.publish("v", one, ofPod("p1")))
	require.NoError(t, n.publish("v", two, ofPod("p2"), func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }))
	require.Equal(t, "p2", backend.located[1].Pod.UID)
	require.True(t, mountedAt(table, two)[0].ReadOnly)
	n.restart()
	require.NoError(t, n.publish("v", one, ofPod("p1")), "again, after a restart")
	require.Len(t, table.Mounts(), 4)

	stats, err := n.NodeGetVolumeStats(t.Context(), &csipb.NodeGetVolumeStatsRequest{VolumeId: "v", VolumePath: one})
	require.NoError(t, err)
	require.NotEmpty(t, stats.GetUsage())

	require.NoError(t, n.unpublish("v", one))
	require.Equal(t, "p1", backend.released[0].Pod.UID, "Release gets what Locate got")
	require.NoError(t, n.unpublish("v", two))
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

// TestRuling28_PerPodIsForShares: a device that is not staged has nobody who
// proves at the end that it is free.
func TestRuling28_PerPodIsForShares(t *testing.T) {
	backend := &perPodFake{}
	n, table := newNode(t, backend)
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) {
		return csi.Device{Path: "/dev/null", Anonymous: "a test"}, nil
	})
	n.want(codes.FailedPrecondition, n.publish("v", n.path("pod/mount"), ofPod("p1")), "must locate shares")
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

func TestRuling28_PopulateBeforeVisible(t *testing.T) {
	backend := &populatingFake{}
	n, table := newNode(t, backend)
	backend.table = table
	target := n.path("pod/mount")
	readonly := func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }
	require.NoError(t, n.publish("v", target, ofPod("p1"), readonly))
	require.NoError(t, n.publish("v", target, ofPod("p1"), readonly), "republish")
	require.Equal(t, []string{"p1 hidden", "p1 visible"}, backend.populated)
	require.True(t, mountedAt(table, target)[0].ReadOnly)

	// The private mount is lost with the plugin's mount namespace.
	for _, e := range table.Mounts() {
		if e.Target != target {
			require.NoError(t, table.Unmount(t.Context(), e.Target))
		}
	}
	n.restart()
	require.NoError(t, n.publish("v", target, ofPod("p1"), readonly))
	for _, e := range table.Mounts() {
		require.Equal(t, e.Target == target, e.ReadOnly, "%s: the private mount can be written again", e.Target)
	}

	backend.fail = csi.ErrFailed
	n.want(codes.Internal, n.publish("v", target, ofPod("p1"), readonly))
	require.Len(t, mountedAt(table, target), 1, "undo removes only what this call made")
	for _, e := range table.Mounts() {
		require.DirExists(t, e.Target)
	}
	n.want(codes.Internal, n.publish("v", n.path("new/mount"), ofPod("p2"), readonly))
	require.NoFileExists(t, n.path("new/mount"))
	require.NoError(t, n.unpublish("v", target))
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

func TestRuling30_Ephemeral(t *testing.T) {
	backend := &ephemeralFake{ids: map[string]bool{}}
	n, table := newNode(t, backend)
	target := n.path("pod/mount")
	require.NoError(t, n.publish("csi-123", target, inline))
	require.NoError(t, n.publish("csi-123", target, inline), "again")
	require.True(t, backend.located[0].Ephemeral)
	require.Equal(t, map[string]string{"size": "1Gi"}, backend.located[0].Context)
	n.restart()
	require.NoError(t, n.unpublish("csi-123", target))
	require.Empty(t, backend.ids)
	require.NoError(t, n.unpublish("csi-123", target), "again")

	require.NoError(t, n.stage("v"))
	require.NoError(t, n.publish("v", target))
	require.NoError(t, n.unpublish("v", target), "only what EphemeralVolumes lists is deleted")
	require.NoError(t, n.unstage("v"))
	require.Empty(t, table.Mounts())
	n.nothingLeft()
}

// TestRuling30_OnlyWhatTheBackendListsIsDeleted: the CO's request does not say
// whether a volume is ephemeral. One of which nothing is known is not.
func TestRuling30_OnlyWhatTheBackendListsIsDeleted(t *testing.T) {
	backend := &ephemeralFake{ids: map[string]bool{"csi-1": true}}
	n, _ := newNode(t, backend)
	require.NoError(t, n.unpublish("persistent", n.path("pod/mount")))
	require.Empty(t, backend.deleted)
	require.NoError(t, n.unpublish("csi-1", n.path("pod/mount")))
	require.Equal(t, []string{"csi-1"}, backend.deleted)
}

// TestRuling28_AReaderGetsItsFilesToo: what the backend writes is written to the
// private mount, and only the pod's is read-only.
func TestRuling28_AReaderGetsItsFilesToo(t *testing.T) {
	backend := &populatingFake{}
	n, table := newNode(t, backend)
	backend.table = table
	target := n.path("pod/mount")
	require.NoError(t, n.publish("v", target, ofPod("p1"), func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeReaderOnly, "")
	}))
	require.Len(t, table.Mounts(), 2)
	for _, e := range table.Mounts() {
		require.Equal(t, e.Target == target, e.ReadOnly, e.Target)
	}
}

func TestRuling30_EphemeralIsUndone(t *testing.T) {
	backend := &ephemeralFake{ids: map[string]bool{}}
	n, _ := newNode(t, backend)
	backend.set(func(context.Context, csi.NodeVolume) (csi.Source, error) { return nil, csi.ErrExhausted })
	n.want(codes.ResourceExhausted, n.publish("csi-1", n.path("pod/mount"), inline))
	require.Empty(t, backend.ids)
	n.nothingLeft()
}

// TestRuling28_AnInlineVolumeThatWasThereIsNotUndone: after a reboot nothing is
// mounted, but the volume holds the pod's data.
func TestRuling28_AnInlineVolumeThatWasThereIsNotUndone(t *testing.T) {
	refused := func(context.Context, csi.NodeVolume) (csi.Source, error) { return nil, csi.ErrInUse }
	for name, test := range map[string]struct {
		damaged error
		says    string
	}{
		"listed":             {nil, "was there before"},
		"list not available": {errors.New("a damaged record"), "not known whether it was there"},
	} {
		t.Run(name, func(t *testing.T) {
			backend := &ephemeralFake{ids: map[string]bool{"csi-1": true}}
			n, table := newNode(t, backend)
			target := n.path("pod/mount")
			backend.set(refused)
			backend.damaged = test.damaged
			n.want(codes.Unavailable, n.publish("csi-1", target, inline), test.says, csi.ErrInUse.Error())
			require.Empty(t, backend.deleted)
			require.Empty(t, table.Mounts(), "what this call made is undone")
			n.nothingLeft()

			backend.damaged = nil
			backend.set(nil)
			require.NoError(t, n.publish("csi-1", target, inline))
			require.Empty(t, backend.deleted)
			require.NoError(t, n.unpublish("csi-1", target))
			require.Equal(t, []string{"csi-1"}, backend.deleted)
		})
	}
}

func TestRuling30_EphemeralIsRefusedIfAbsent(t *testing.T) {
	n, _ := newNode(t, &nodeFake{})
	n.want(codes.InvalidArgument, n.publish("csi-1", n.path("pod/mount"), inline), "inline")
	n.nothingLeft()
}

// TestRuling30_ADamagedInlineVolumeHoldsNoOther: only what may be an inline
// volume waits until the backend can list them again.
func TestRuling30_ADamagedInlineVolumeHoldsNoOther(t *testing.T) {
	forget := func(n *nodeUnderTest) { require.NoError(n, os.RemoveAll(filepath.Join(n.opts.StateDir, "targets"))) }
	for name, test := range map[string]struct {
		inline bool
		forget func(*nodeUnderTest)
		want   codes.Code
	}{
		"staged":              {false, nil, codes.OK},
		"staged, target lost": {false, forget, codes.OK},
		"inline":              {true, nil, codes.Unavailable},
		"inline, target lost": {true, forget, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			backend := &ephemeralFake{ids: map[string]bool{}}
			n, table := newNode(t, backend)
			target := n.path("pod/mount")
			if test.inline {
				require.NoError(t, n.publish("v", target, inline))
			} else {
				require.NoError(t, errors.Join(n.stage("v"), n.publish("v", target)))
			}
			backend.damaged = errors.New("the record of another inline volume is damaged")
			if test.forget != nil {
				test.forget(n)
			}
			n.want(test.want, n.unpublish("v", target))
			require.Empty(t, mountedAt(table, target))
			backend.damaged = nil
			require.NoError(t, n.unpublish("v", target))
			require.Empty(t, backend.ids)
			require.NoError(t, n.unstage("v"))
			n.nothingLeft()
		})
	}
}
