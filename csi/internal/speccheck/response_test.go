package speccheck

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func entries(ids ...string) *csipb.ListVolumesResponse {
	r := &csipb.ListVolumesResponse{}
	for _, id := range ids {
		r.Entries = append(r.Entries, &csipb.ListVolumesResponse_Entry{Volume: &csipb.Volume{VolumeId: id}})
	}
	return r
}

func TestResponse(t *testing.T) {
	restored := create(func(r *csipb.CreateVolumeRequest) {
		r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: "s"}}}
	})
	for _, test := range []struct {
		name      string
		req, resp proto.Message
		fault     string
	}{
		{"created", create(nil), &csipb.CreateVolumeResponse{Volume: &csipb.Volume{VolumeId: "v", CapacityBytes: 1 << 30}}, ""},
		{"unknown size", create(nil), &csipb.CreateVolumeResponse{Volume: &csipb.Volume{VolumeId: "v"}}, ""},
		{"no id", create(nil), &csipb.CreateVolumeResponse{Volume: &csipb.Volume{}}, "volume_id"},
		{"too small", create(nil), &csipb.CreateVolumeResponse{Volume: &csipb.Volume{VolumeId: "v", CapacityBytes: 1}}, "capacity_bytes"},
		{"source is not echoed", restored, &csipb.CreateVolumeResponse{Volume: &csipb.Volume{VolumeId: "v"}}, "content_source"},
		{"page too long", &csipb.ListVolumesRequest{MaxEntries: 1}, entries("a", "b"), "max_entries"},
		{"listed twice", &csipb.ListVolumesRequest{}, entries("a", "a"), "twice"},
		{"listed", &csipb.ListVolumesRequest{MaxEntries: 2}, entries("a", "b"), ""},
		{"refused without a reason", &csipb.ValidateVolumeCapabilitiesRequest{}, &csipb.ValidateVolumeCapabilitiesResponse{}, "message"},
		{"expanded to nothing", &csipb.ControllerExpandVolumeRequest{}, &csipb.ControllerExpandVolumeResponse{}, "capacity_bytes"},
		{"snapshot of another volume", &csipb.CreateSnapshotRequest{SourceVolumeId: "v"}, &csipb.CreateSnapshotResponse{Snapshot: &csipb.Snapshot{SnapshotId: "s", SourceVolumeId: "v"}}, "creation_time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Response(test.req, test.resp)
			if test.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.fault)
		})
	}
}

func TestRule34_Status(t *testing.T) {
	require.NoError(t, Status(status.Error(codes.NotFound, "no such volume")))
	require.Error(t, Status(errors.New("plain")))
	require.Error(t, Status(status.Error(codes.Unknown, "something")))
	require.Error(t, Status(status.Error(codes.NotFound, "")))
	detailed, err := status.New(codes.NotFound, "x").WithDetails(&durationpb.Duration{})
	require.NoError(t, err)
	require.Error(t, Status(detailed.Err()))
}
