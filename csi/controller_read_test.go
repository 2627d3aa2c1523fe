package csi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func TestRule12_Validate(t *testing.T) {
	s := serve(t, newFake(), nil)
	v := s.create(create("a"))
	ask := func(edit func(*csipb.ValidateVolumeCapabilitiesRequest)) (*csipb.ValidateVolumeCapabilitiesResponse, error) {
		r := &csipb.ValidateVolumeCapabilitiesRequest{
			VolumeId: v.GetVolumeId(), VolumeContext: v.GetVolumeContext(),
			VolumeCapabilities: []*csipb.VolumeCapability{mounted(oneWriter), raw(oneWriter)},
			Parameters:         map[string]string{"type": "fast"},
		}
		edit(r)
		return s.ValidateVolumeCapabilities(s.ctx(), r)
	}
	nothing := func(*csipb.ValidateVolumeCapabilitiesRequest) {}

	resp, err := ask(nothing)
	require.NoError(t, err)
	require.Len(t, resp.GetConfirmed().GetVolumeCapabilities(), 2)
	require.Equal(t, v.GetVolumeContext(), resp.GetConfirmed().GetVolumeContext())
	require.Equal(t, "fast", resp.GetConfirmed().GetParameters()["type"])

	for text, edit := range map[string]func(*csipb.ValidateVolumeCapabilitiesRequest){
		"MULTI_NODE":     func(r *csipb.ValidateVolumeCapabilitiesRequest) { r.VolumeCapabilities[1] = raw(anyWriters) },
		"volume_context": func(r *csipb.ValidateVolumeCapabilitiesRequest) { r.VolumeContext = map[string]string{"pool": "two"} },
	} {
		resp, err := ask(edit)
		require.NoError(t, err)
		require.Nil(t, resp.GetConfirmed())
		require.Contains(t, resp.GetMessage(), text)
	}
	_, err = ask(func(r *csipb.ValidateVolumeCapabilitiesRequest) { r.VolumeId = "none" })
	code(t, codes.NotFound, err)
	_, err = ask(func(r *csipb.ValidateVolumeCapabilitiesRequest) { r.VolumeCapabilities = nil })
	code(t, codes.InvalidArgument, err, "volume_capabilities")

	s.change(func(f *fake) { f.refuse = fmt.Errorf("%w: %s", csi.ErrInvalid, strings.Repeat("größe ", 100)) })
	resp, err = ask(nothing)
	require.NoError(t, err)
	require.Nil(t, resp.GetConfirmed())
	require.LessOrEqual(t, len(resp.GetMessage()), 128)
	s.change(func(f *fake) { f.refuse = csi.ErrUnavailable })
	_, err = ask(nothing)
	code(t, codes.Unavailable, err)
}

func TestRule13_ListVolumes(t *testing.T) {
	s := serve(t, newFake(), nil)
	var want []string
	for i := range 7 {
		want = append(want, s.create(create(fmt.Sprint("v", i))).GetVolumeId())
	}
	s.publish("vol-v3", "node-b")
	var got []string
	r := &csipb.ListVolumesRequest{MaxEntries: 3}
	for {
		resp, err := s.ListVolumes(s.ctx(), r)
		require.NoError(t, err)
		for _, e := range resp.GetEntries() {
			got = append(got, e.GetVolume().GetVolumeId())
			require.NotNil(t, e.GetStatus(), "LIST_VOLUMES_PUBLISHED_NODES")
			require.Equal(t, e.GetVolume().GetVolumeId() == "vol-v3", slices.Contains(e.GetStatus().GetPublishedNodeIds(), "node-b"))
		}
		if r.StartingToken = resp.GetNextToken(); r.StartingToken == "" {
			break
		}
		require.Len(t, resp.GetEntries(), 3)
	}
	require.Equal(t, want, got)
	require.Equal(t, 1, s.fake.count("ListVolumes"), "one listing serves all of its pages")

	_, err := s.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{StartingToken: "invalid-token"})
	code(t, codes.Aborted, err, "starting_token")
	_, err = s.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{MaxEntries: -1})
	code(t, codes.InvalidArgument, err, "max_entries")
	s.change(func(f *fake) { f.fail["ListVolumes"] = fmt.Errorf("torn") })
	_, err = s.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{})
	code(t, codes.Internal, err, "torn")
}

func TestRule14_ListSnapshots(t *testing.T) {
	s := serve(t, newFake(), nil)
	for _, v := range []string{"a", "b"} {
		id := s.create(create(v)).GetVolumeId()
		s.cut(v+"1", id)
		s.cut(v+"2", id)
	}
	s.change(func(f *fake) {
		f.snapshots["uncut"] = &csi.Snapshot{ID: "uncut", VolumeID: "vol-a"}
	})
	list := func(r *csipb.ListSnapshotsRequest) (ids []string) {
		resp, err := s.ListSnapshots(s.ctx(), r)
		require.NoError(t, err)
		for _, e := range resp.GetEntries() {
			ids = append(ids, e.GetSnapshot().GetSnapshotId())
		}
		return ids
	}
	require.Equal(t, []string{"snap-a1", "snap-a2", "snap-b1", "snap-b2"}, list(&csipb.ListSnapshotsRequest{}))
	require.Equal(t, []string{"snap-b1", "snap-b2"}, list(&csipb.ListSnapshotsRequest{SourceVolumeId: "vol-b"}))
	require.Equal(t, []string{"snap-a2"}, list(&csipb.ListSnapshotsRequest{SnapshotId: "snap-a2"}))
	for _, r := range []*csipb.ListSnapshotsRequest{
		{SnapshotId: "none"}, {SourceVolumeId: "none"}, {SnapshotId: "snap-a1", SourceVolumeId: "vol-b"}, {SnapshotId: "uncut"},
	} {
		require.Empty(t, list(r))
	}
	_, err := s.ListSnapshots(s.ctx(), &csipb.ListSnapshotsRequest{StartingToken: "x"})
	code(t, codes.Aborted, err)

	_, err = s.GetSnapshot(s.ctx(), &csipb.GetSnapshotRequest{SnapshotId: "none"})
	code(t, codes.NotFound, err)
	resp, err := s.GetSnapshot(s.ctx(), &csipb.GetSnapshotRequest{SnapshotId: "snap-a1"})
	require.NoError(t, err)
	require.Equal(t, "vol-a", resp.GetSnapshot().GetSourceVolumeId())
}

func TestRule30_ControllerGetVolume(t *testing.T) {
	s := serve(t, newFake(), nil)
	made := s.create(create("a"))
	s.publish(made.GetVolumeId(), "node-a")
	resp, err := s.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: made.GetVolumeId()})
	require.NoError(t, err)
	require.Equal(t, []string{"node-a"}, resp.GetStatus().GetPublishedNodeIds())
	require.Equal(t, made.GetCapacityBytes(), resp.GetVolume().GetCapacityBytes())
	require.Nil(t, resp.GetVolume().GetVolumeContext(), "always the same volume_context, or none")
	_, err = s.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: "none"})
	code(t, codes.NotFound, err)
}

// TestRuling8_ReadsDoNotQueue: reads of a volume answer while it is written.
func TestRuling8_ReadsDoNotQueue(t *testing.T) {
	s := serve(t, newFake(), nil)
	id := s.create(create("a")).GetVolumeId()
	release := s.fake.hold("DeleteVolume")
	defer release()
	var group errgroup.Group
	group.Go(func() error { return s.delete(id) })
	s.joined(1)
	_, err := s.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: id})
	require.NoError(t, err)
	_, err = s.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{})
	require.NoError(t, err)
	release()
	require.NoError(t, group.Wait())
}

func TestGetCapacity(t *testing.T) {
	s := serve(t, newFake(), nil)
	resp, err := s.GetCapacity(s.ctx(), &csipb.GetCapacityRequest{Parameters: map[string]string{"csi.storage.k8s.io/fstype": "xfs", "type": "fast"}})
	require.NoError(t, err)
	require.EqualValues(t, 7*mebi, resp.GetAvailableCapacity())
	require.EqualValues(t, 5*mebi, resp.GetMaximumVolumeSize().GetValue())
	require.Nil(t, resp.GetMinimumVolumeSize())
	require.Equal(t, map[string]string{"type": "fast"}, last[csi.CapacityQuery](s.fake, "Capacity").Parameters)

	resp, err = s.GetCapacity(s.ctx(), &csipb.GetCapacityRequest{VolumeCapabilities: []*csipb.VolumeCapability{raw(anyWriters)}})
	require.NoError(t, err)
	require.True(t, proto.Equal(&csipb.GetCapacityResponse{}, resp), "none for volumes that cannot be made")
	_, err = s.GetCapacity(s.ctx(), &csipb.GetCapacityRequest{AccessibleTopology: topologies("a")[0]})
	code(t, codes.InvalidArgument, err, "VOLUME_ACCESSIBILITY_CONSTRAINTS")
}
