package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
)

// stageTag is what NodeUnstageVolume names to cancel a running stage.
func stageTag(id string) string { return "stage of " + volumeKey(id) }

// NodeStageVolume implements csipb.NodeServer: see staging.
func (s *nodeServer) NodeStageVolume(ctx context.Context, r *csipb.NodeStageVolumeRequest) (*csipb.NodeStageVolumeResponse, error) {
	volume, carried, err := stagedFromProto(r)
	if err != nil {
		return nil, err
	}
	if err := s.d.features.traits.allow(volume.Access); err != nil {
		return nil, refuse(ErrInUse, "volume %s: %v", volume.ID, err) // FAILED_PRECONDITION, as the spec wants it here
	}
	volume.ReadOnly = readOnlyAccess(volume.Access)
	op := keyop.Op{
		RPC: "NodeStageVolume", ID: volume.ID,
		Keys:     []keyop.Key{keyop.Exclusive(volumeKey(volume.ID))},
		Identity: identityOf("NodeStageVolume", r),
		Tags:     []string{stageTag(volume.ID)},
	}
	return operateOnNode(ctx, s.d, op, func(c keyop.Contexts) (*csipb.NodeStageVolumeResponse, error) {
		st := &staging{
			d: s.d, ctx: c, undo: new(undo), carried: carried, volume: volume,
			key: nodestate.Key{Volume: volume.ID}, path: r.GetStagingTargetPath(),
		}
		return &csipb.NodeStageVolumeResponse{}, st.undo.after(c.Op, st.run())
	})
}

// NodeUnstageVolume implements csipb.NodeServer: see unstaging. A retry joins
// the operation that runs, so that it never sees a device half released.
func (s *nodeServer) NodeUnstageVolume(ctx context.Context, r *csipb.NodeUnstageVolumeRequest) (*csipb.NodeUnstageVolumeResponse, error) {
	id := r.GetVolumeId()
	op := keyop.Op{
		RPC: "NodeUnstageVolume", ID: id,
		Keys:     []keyop.Key{keyop.Exclusive(volumeKey(id))},
		Identity: identityOf("NodeUnstageVolume", r),
		Cancels:  []string{stageTag(id)},
	}
	return operateOnNode(ctx, s.d, op, func(c keyop.Contexts) (*csipb.NodeUnstageVolumeResponse, error) {
		u := &unstaging{d: s.d, ctx: c, key: nodestate.Key{Volume: id}, path: r.GetStagingTargetPath()}
		return &csipb.NodeUnstageVolumeResponse{}, u.run()
	})
}
