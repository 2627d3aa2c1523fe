package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/speccheck"
)

// CreateSnapshot implements csipb.ControllerServer: get or create by name. It
// returns when the snapshot is cut, ready or not.
func (s *controllerServer) CreateSnapshot(ctx context.Context, r *csipb.CreateSnapshotRequest) (*csipb.CreateSnapshotResponse, error) {
	spec := snapshotSpecFromProto(r)
	op := keyop.Op{
		RPC: "CreateSnapshot", ID: spec.Name,
		Keys:     []keyop.Key{keyop.Exclusive(snapshotNameKey(spec.Name)), keyop.Shared(volumeKey(spec.Volume.ID))},
		Identity: identityOf("CreateSnapshot", r),
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.CreateSnapshotResponse, error) {
		cut, err := call(k.Op, s.d, "CreateSnapshot", spec.Name, func(ctx context.Context) (*Snapshot, error) {
			return s.d.features.snapshotter.CreateSnapshot(ctx, spec)
		})
		if err == nil {
			err = compareSnapshot(&spec, cut)
		}
		if err != nil {
			return nil, err
		}
		return &csipb.CreateSnapshotResponse{Snapshot: s.d.features.snapshotToProto(cut)}, nil
	})
}

// compareSnapshot checks that the snapshot that a backend returned, new or not,
// is the one asked for.
func compareSnapshot(spec *SnapshotSpec, s *Snapshot) error {
	switch {
	case s == nil || s.ID == "" || len(s.ID) > speccheck.MaxString || s.Created.IsZero():
		return refuse(ErrUnavailable, "CreateSnapshot %s: the backend returned no snapshot with an id of 1 to %d bytes and a time of creation", spec.Name, speccheck.MaxString)
	case s.VolumeID != spec.Volume.ID:
		return refuse(ErrExists, "a snapshot named %q exists and differs: it is of volume %s, asked for is one of volume %s", spec.Name, s.VolumeID, spec.Volume.ID)
	case !reaches(spec.Topology.Requisite, s.Topology):
		return refuse(ErrExists, "a snapshot named %q exists and differs: it can be used in %v, asked for are %v", spec.Name, s.Topology, spec.Topology.Requisite)
	}
	return nil
}
