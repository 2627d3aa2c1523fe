package csi

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

type groupCapability = csipb.GroupControllerServiceCapability_RPC_Type

func groupCapabilitiesToProto(list []groupCapability) []*csipb.GroupControllerServiceCapability {
	out := make([]*csipb.GroupControllerServiceCapability, 0, len(list))
	for _, t := range list {
		out = append(out, &csipb.GroupControllerServiceCapability{Type: &csipb.GroupControllerServiceCapability_Rpc{
			Rpc: &csipb.GroupControllerServiceCapability_RPC{Type: t}}})
	}
	return out
}

// groupToProto converts a group, which is ready when all of its members are.
func (f *features) groupToProto(g *GroupSnapshot) *csipb.VolumeGroupSnapshot {
	out := &csipb.VolumeGroupSnapshot{GroupSnapshotId: g.ID, CreationTime: timestamppb.New(g.Created), ReadyToUse: true}
	for _, s := range g.Members {
		out.Snapshots = append(out.Snapshots, f.snapshotToProto(s))
		out.ReadyToUse = out.ReadyToUse && s.Ready
	}
	return out
}

// groupSpecFromProto converts a request that validate has accepted.
func groupSpecFromProto(r *csipb.CreateVolumeGroupSnapshotRequest) GroupSpec {
	return GroupSpec{
		Name:       r.GetName(),
		VolumeIDs:  sortedIDs(r.GetSourceVolumeIds()),
		Parameters: backendKeys(r.GetParameters()),
		Owner:      groupOwnerFrom(r.GetParameters()),
		Secrets:    secretsFromProto(r.GetSecrets()),
	}
}
