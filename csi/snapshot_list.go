package csi

import (
	"context"
	"errors"
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/page"
)

// ListSnapshots implements csipb.ControllerServer. A snapshot or a source that
// does not exist makes an empty list, not an error.
func (s *controllerServer) ListSnapshots(ctx context.Context, r *csipb.ListSnapshotsRequest) (*csipb.ListSnapshotsResponse, error) {
	request := page.Request{
		Scope:   r.GetSourceVolumeId(),
		Private: r.GetSnapshotId() != "" || len(r.GetSecrets()) > 0,
		Token:   r.GetStartingToken(),
		Max:     int(r.GetMaxEntries()),
	}
	list := func() ([]*Snapshot, error) { return s.d.listSnapshots(ctx, r) }
	entries, next, err := s.snapshots.Page(request, func(s *Snapshot) string { return s.ID }, list)
	if err != nil {
		return nil, tokenError(err)
	}
	response := &csipb.ListSnapshotsResponse{NextToken: next}
	for _, found := range entries {
		response.Entries = append(response.Entries, &csipb.ListSnapshotsResponse_Entry{Snapshot: s.d.features.snapshotToProto(found)})
	}
	return response, nil
}

// listSnapshots returns the snapshots that the request selects. One that is not
// cut yet has no time of creation and is left out.
func (d *Driver) listSnapshots(ctx context.Context, r *csipb.ListSnapshotsRequest) ([]*Snapshot, error) {
	all, err := d.candidates(ctx, r)
	return slices.DeleteFunc(all, func(s *Snapshot) bool {
		return s.Created.IsZero() ||
			r.GetSnapshotId() != "" && s.ID != r.GetSnapshotId() ||
			r.GetSourceVolumeId() != "" && s.VolumeID != r.GetSourceVolumeId()
	}), err
}

// candidates asks the backend for all snapshots, or for one, which is how
// external-snapshotter waits until a snapshot is ready.
func (d *Driver) candidates(ctx context.Context, r *csipb.ListSnapshotsRequest) ([]*Snapshot, error) {
	secrets := secretsFromProto(r.GetSecrets())
	if r.GetSnapshotId() == "" || d.features.snapshotter == nil {
		return call(ctx, d, "ListSnapshots", "", func(ctx context.Context) ([]*Snapshot, error) {
			return page.Collect(d.features.snapshotLister.ListSnapshots(ctx, ListQuery{VolumeID: r.GetSourceVolumeId(), Secrets: secrets}))
		})
	}
	found, err := d.snapshot(ctx, SnapshotRef{ID: r.GetSnapshotId(), Secrets: secrets})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []*Snapshot{found}, nil
}

// tokenError gives a bad starting_token the code that the spec asks for:
// ABORTED.
func tokenError(err error) error {
	if errors.Is(err, page.ErrToken) {
		return refuse(ErrPending, "%v", err)
	}
	return err
}
