package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// GetSnapshot implements csipb.ControllerServer.
func (s *controllerServer) GetSnapshot(ctx context.Context, r *csipb.GetSnapshotRequest) (*csipb.GetSnapshotResponse, error) {
	found, err := s.d.snapshot(ctx, SnapshotRef{ID: r.GetSnapshotId(), Secrets: secretsFromProto(r.GetSecrets())})
	if err != nil {
		return nil, err
	}
	return &csipb.GetSnapshotResponse{Snapshot: s.d.features.snapshotToProto(found)}, nil
}
