package csi

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// snapshotToProto converts a snapshot. A topology is told only with
// SNAPSHOT_ACCESSIBILITY_CONSTRAINTS (spec, Snapshot.accessible_topology).
func (f *features) snapshotToProto(s *Snapshot) *csipb.Snapshot {
	out := &csipb.Snapshot{
		SnapshotId:      s.ID,
		SourceVolumeId:  s.VolumeID,
		SizeBytes:       s.Size,
		CreationTime:    timestamppb.New(s.Created),
		ReadyToUse:      s.Ready,
		GroupSnapshotId: s.Group,
	}
	if f.traits.SnapshotTopology {
		out.AccessibleTopology = topologiesToProto(s.Topology)
	}
	return out
}

// snapshotSpecFromProto converts a request that validate has accepted.
func snapshotSpecFromProto(r *csipb.CreateSnapshotRequest) SnapshotSpec {
	return SnapshotSpec{
		Name:       r.GetName(),
		Volume:     VolumeRef{ID: r.GetSourceVolumeId(), Secrets: secretsFromProto(r.GetSecrets())},
		Parameters: backendKeys(r.GetParameters()),
		Topology:   requirementFromProto(r.GetAccessibilityRequirements()),
		Owner:      snapshotOwnerFrom(r.GetParameters()),
	}
}
