package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// groupServer serves the GroupController service. Requests have passed
// validate.
type groupServer struct {
	csipb.UnimplementedGroupControllerServer
	d *Driver
}

// GroupControllerGetCapabilities implements csipb.GroupControllerServer.
func (s *groupServer) GroupControllerGetCapabilities(context.Context, *csipb.GroupControllerGetCapabilitiesRequest) (*csipb.GroupControllerGetCapabilitiesResponse, error) {
	return &csipb.GroupControllerGetCapabilitiesResponse{Capabilities: groupCapabilitiesToProto(offeredBy(&s.d.features, groupOffers))}, nil
}

// CreateVolumeGroupSnapshot implements csipb.GroupControllerServer: get or
// create by name. It returns when all snapshots are cut, ready or not.
func (s *groupServer) CreateVolumeGroupSnapshot(ctx context.Context, r *csipb.CreateVolumeGroupSnapshotRequest) (*csipb.CreateVolumeGroupSnapshotResponse, error) {
	spec := groupSpecFromProto(r)
	op := keyop.Op{
		RPC: "CreateVolumeGroupSnapshot", ID: spec.Name,
		Keys:     []keyop.Key{keyop.Exclusive(groupNameKey(spec.Name))},
		Identity: identityOf("CreateVolumeGroupSnapshot", r),
	}
	for _, id := range spec.VolumeIDs {
		op.Keys = append(op.Keys, keyop.Shared(volumeKey(id)))
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.CreateVolumeGroupSnapshotResponse, error) {
		cut, err := call(k.Op, s.d, "CreateGroupSnapshot", spec.Name, func(ctx context.Context) (*GroupSnapshot, error) {
			return s.d.features.groups.CreateGroupSnapshot(ctx, spec)
		})
		if err == nil {
			err = compareGroup(&spec, cut)
		}
		if err != nil {
			return nil, err
		}
		return &csipb.CreateVolumeGroupSnapshotResponse{GroupSnapshot: s.d.features.groupToProto(cut)}, nil
	})
}

// DeleteVolumeGroupSnapshot implements csipb.GroupControllerServer. It holds
// the group and its members alone: no restore from them runs meanwhile.
func (s *groupServer) DeleteVolumeGroupSnapshot(ctx context.Context, r *csipb.DeleteVolumeGroupSnapshotRequest) (*csipb.DeleteVolumeGroupSnapshotResponse, error) {
	ref := GroupRef{ID: r.GetGroupSnapshotId(), SnapshotIDs: sortedIDs(r.GetSnapshotIds()), Secrets: secretsFromProto(r.GetSecrets())}
	op := keyop.Op{
		RPC: "DeleteVolumeGroupSnapshot", ID: ref.ID,
		Keys:     []keyop.Key{keyop.Exclusive(groupKey(ref.ID))},
		Identity: identityOf("DeleteVolumeGroupSnapshot", r),
	}
	for _, id := range ref.SnapshotIDs {
		op.Keys = append(op.Keys, keyop.Exclusive(snapshotKey(id)))
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.DeleteVolumeGroupSnapshotResponse, error) {
		if err := s.d.deleteGroup(k, ref); err != nil {
			return nil, err
		}
		return &csipb.DeleteVolumeGroupSnapshotResponse{}, nil
	})
}

// GetVolumeGroupSnapshot implements csipb.GroupControllerServer.
func (s *groupServer) GetVolumeGroupSnapshot(ctx context.Context, r *csipb.GetVolumeGroupSnapshotRequest) (*csipb.GetVolumeGroupSnapshotResponse, error) {
	ref := GroupRef{ID: r.GetGroupSnapshotId(), SnapshotIDs: sortedIDs(r.GetSnapshotIds()), Secrets: secretsFromProto(r.GetSecrets())}
	found, err := s.d.group(ctx, ref)
	if err == nil {
		err = sameMembers(ref, found)
	}
	if err != nil {
		return nil, err
	}
	return &csipb.GetVolumeGroupSnapshotResponse{GroupSnapshot: s.d.features.groupToProto(found)}, nil
}
