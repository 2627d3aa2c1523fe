package speccheck

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// Response checks a response by itself and as the answer to its request: the
// promises of the spec that a caller acts on. It is for tests.
func Response(req, resp proto.Message) error {
	if err := Check(resp); err != nil {
		return fmt.Errorf("%s: %w", resp.ProtoReflect().Descriptor().Name(), err)
	}
	switch r := resp.(type) {
	case *csipb.CreateVolumeResponse:
		return created(req.(*csipb.CreateVolumeRequest), r.GetVolume())
	case *csipb.ControllerExpandVolumeResponse:
		return sizeWithin(req.(*csipb.ControllerExpandVolumeRequest).GetCapacityRange(), r.GetCapacityBytes())
	case *csipb.CreateSnapshotResponse:
		if want, got := req.(*csipb.CreateSnapshotRequest).GetSourceVolumeId(), r.GetSnapshot().GetSourceVolumeId(); want != got {
			return fmt.Errorf("source_volume_id: found %q, want %q as in the request", got, want)
		}
	case *csipb.CreateVolumeGroupSnapshotResponse:
		return grouped(req.(*csipb.CreateVolumeGroupSnapshotRequest), r.GetGroupSnapshot())
	case *csipb.ListVolumesResponse:
		return listed(req.(*csipb.ListVolumesRequest).GetMaxEntries(), len(r.GetEntries()), func(i int) string { return r.GetEntries()[i].GetVolume().GetVolumeId() })
	case *csipb.ListSnapshotsResponse:
		return listed(req.(*csipb.ListSnapshotsRequest).GetMaxEntries(), len(r.GetEntries()), func(i int) string { return r.GetEntries()[i].GetSnapshot().GetSnapshotId() })
	case *csipb.ValidateVolumeCapabilitiesResponse:
		return validated(req.(*csipb.ValidateVolumeCapabilitiesRequest), r)
	}
	return nil
}

// Status checks the status of an RPC that failed: a code of the specification,
// a message for people, no details (spec, Error Scheme).
func Status(err error) error {
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return fmt.Errorf("not a status: %w", err)
	case s.Code() == codes.Unknown:
		return fmt.Errorf("code UNKNOWN, which says nothing about the outcome: %w", err)
	case s.Message() == "":
		return fmt.Errorf("code %s without a message", s.Code())
	case len(s.Details()) > 0:
		return fmt.Errorf("code %s with %d details, want none", s.Code(), len(s.Details()))
	}
	return nil
}

// created checks what external-provisioner deletes a new volume for: too small
// a size, a content source that is missing.
func created(req *csipb.CreateVolumeRequest, v *csipb.Volume) error {
	if !proto.Equal(req.GetVolumeContentSource(), v.GetContentSource()) {
		return fmt.Errorf("content_source: found %v, want %v as in the request", v.GetContentSource(), req.GetVolumeContentSource())
	}
	return sizeWithin(req.GetCapacityRange(), v.GetCapacityBytes())
}

// grouped checks that a group holds one snapshot of each volume, and is ready
// only if all of them are.
func grouped(req *csipb.CreateVolumeGroupSnapshotRequest, g *csipb.VolumeGroupSnapshot) error {
	var of []string
	for _, s := range g.GetSnapshots() {
		of = append(of, s.GetSourceVolumeId())
		if s.GetGroupSnapshotId() != g.GetGroupSnapshotId() {
			return fmt.Errorf("snapshots: found group_snapshot_id %q of %s, want %q", s.GetGroupSnapshotId(), s.GetSnapshotId(), g.GetGroupSnapshotId())
		}
		if g.GetReadyToUse() && !s.GetReadyToUse() {
			return fmt.Errorf("ready_to_use: found true, but snapshot %s is not ready", s.GetSnapshotId())
		}
	}
	if want := slices.Sorted(slices.Values(req.GetSourceVolumeIds())); !slices.Equal(slices.Sorted(slices.Values(of)), want) {
		return fmt.Errorf("snapshots: found those of volumes %v, want %v", of, want)
	}
	return nil
}

func sizeWithin(r *csipb.CapacityRange, size int64) error {
	if size == 0 {
		return nil // unknown
	}
	if size < r.GetRequiredBytes() || r.GetLimitBytes() > 0 && size > r.GetLimitBytes() {
		return fmt.Errorf("capacity_bytes: found %d, want %d to %d", size, r.GetRequiredBytes(), r.GetLimitBytes())
	}
	return nil
}

// listed checks the length of a page and that no entry comes twice.
func listed(most int32, n int, id func(int) string) error {
	if most > 0 && n > int(most) {
		return fmt.Errorf("entries: found %d, want at most max_entries, %d", n, most)
	}
	seen := make(map[string]bool, n)
	for i := range n {
		if seen[id(i)] {
			return errors.New("entries: found " + strconv.Quote(id(i)) + " twice")
		}
		seen[id(i)] = true
	}
	return nil
}

// validated checks that a confirmation confirms what was asked.
func validated(req *csipb.ValidateVolumeCapabilitiesRequest, r *csipb.ValidateVolumeCapabilitiesResponse) error {
	if r.GetConfirmed() == nil {
		if r.GetMessage() == "" {
			return errors.New("message: found nothing, want the reason why nothing is confirmed")
		}
		return nil
	}
	if got, want := len(r.GetConfirmed().GetVolumeCapabilities()), len(req.GetVolumeCapabilities()); got != want {
		return fmt.Errorf("confirmed.volume_capabilities: found %d, want the %d of the request", got, want)
	}
	return nil
}
