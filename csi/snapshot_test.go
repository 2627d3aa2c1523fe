package csi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func (s *served) deleteSnapshot(id string) error {
	_, err := s.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{SnapshotId: id})
	return err
}

func TestRule15_CreateSnapshot(t *testing.T) {
	s := serve(t, newFake(), nil)
	a, b := s.create(create("a")).GetVolumeId(), s.create(create("b")).GetVolumeId()
	first := s.cut("cut", a)
	require.True(t, proto.Equal(first, s.cut("cut", a)))
	_, err := s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: "cut", SourceVolumeId: b})
	code(t, codes.AlreadyExists, err, a, b)
	_, err = s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: "other", SourceVolumeId: "none"})
	code(t, codes.NotFound, err)
	for _, r := range []*csipb.CreateSnapshotRequest{{Name: "x"}, {SourceVolumeId: a}} {
		_, err = s.CreateSnapshot(s.ctx(), r)
		code(t, codes.InvalidArgument, err)
	}
	_, err = s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: "x", SourceVolumeId: a, AccessibilityRequirements: &csipb.TopologyRequirement{Requisite: topologies("a")}})
	code(t, codes.InvalidArgument, err, "SNAPSHOT_ACCESSIBILITY_CONSTRAINTS")
	s.change(func(f *fake) { f.fail["CreateSnapshot"] = csi.ErrExhausted })
	_, err = s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: "full", SourceVolumeId: a})
	code(t, codes.ResourceExhausted, err)
}

func TestRule15_NotReadyIsAnAnswer(t *testing.T) {
	s := serve(t, newFake(), nil)
	a := s.create(create("a")).GetVolumeId()
	s.cut("cut", a)
	s.change(func(f *fake) { f.snapshots["snap-cut"].Ready = false })
	again := s.cut("cut", a)
	require.False(t, again.GetReadyToUse())
	require.NotEmpty(t, again.GetSnapshotId())
}

func TestRule16_DeleteSnapshot(t *testing.T) {
	s := serve(t, newFake(), nil)
	a := s.create(create("a")).GetVolumeId()
	s.cut("cut", a)
	s.cut("member", a)
	s.change(func(f *fake) { f.snapshots["snap-member"].Group = "group-1" })
	code(t, codes.InvalidArgument, s.deleteSnapshot("snap-member"), "group-1")
	require.NoError(t, s.deleteSnapshot("snap-cut"))
	require.NoError(t, s.deleteSnapshot("snap-cut"))
	require.NoError(t, s.deleteSnapshot("none"))
	s.cut("used", a)
	s.change(func(f *fake) { f.fail["DeleteSnapshot"] = csi.ErrInUse })
	code(t, codes.FailedPrecondition, s.deleteSnapshot("snap-used"))
}

func TestRule9_SnapshotsOutliveTheirVolume(t *testing.T) {
	s := serve(t, newFake(), nil)
	a := s.create(create("a")).GetVolumeId()
	s.cut("cut", a)
	require.NoError(t, s.delete(a))
	resp, err := s.ListSnapshots(s.ctx(), &csipb.ListSnapshotsRequest{})
	require.NoError(t, err)
	require.Len(t, resp.GetEntries(), 1)
	s.cut("cut", a)
	s.create(create("restored", fromSnapshot("snap-cut")))
}

// TestRuling10_SnapshotIsHeld: it is not deleted while a volume is restored.
func TestRuling10_SnapshotIsHeld(t *testing.T) {
	s := serve(t, newFake(), nil)
	s.cut("cut", s.create(create("a")).GetVolumeId())
	release := s.fake.hold("RestoreVolume")
	defer release()
	var group errgroup.Group
	group.Go(func() error { _, err := s.CreateVolume(s.ctx(), create("r", fromSnapshot("snap-cut"))); return err })
	s.joined(1)
	group.Go(func() error { return s.deleteSnapshot("snap-cut") })
	s.joined(2)
	require.Zero(t, s.fake.count("DeleteSnapshot"))
	release()
	require.NoError(t, group.Wait())
}

func TestRuling37_SnapshotOwner(t *testing.T) {
	s := serve(t, newFake(), nil)
	a := s.create(create("a")).GetVolumeId()
	_, err := s.CreateSnapshot(s.ctx(), &csipb.CreateSnapshotRequest{Name: "cut", SourceVolumeId: a, Parameters: map[string]string{
		"csi.storage.k8s.io/volumesnapshot/name": "nightly", "csi.storage.k8s.io/volumesnapshot/namespace": "prod",
		"csi.storage.k8s.io/volumesnapshotcontent/name": "snapcontent-1", "keep": "7d",
	}})
	require.NoError(t, err)
	spec := last[csi.SnapshotSpec](s.fake, "CreateSnapshot")
	require.Equal(t, csi.Owner{Namespace: "prod", Name: "nightly", Object: "snapcontent-1"}, spec.Owner)
	require.Equal(t, map[string]string{"keep": "7d"}, spec.Parameters)
}
