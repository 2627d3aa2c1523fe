package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

// volumeToProto converts a volume with the volume_context given. A topology is
// told only with VOLUME_ACCESSIBILITY_CONSTRAINTS (spec, accessible_topology).
func (f *features) volumeToProto(v *Volume, context map[string]string) *csipb.Volume {
	out := &csipb.Volume{
		VolumeId:      v.ID,
		CapacityBytes: v.Size,
		VolumeContext: context,
		ContentSource: sourceToProto(v.Source),
	}
	if f.topology() {
		out.AccessibleTopology = topologiesToProto(v.Topology)
	}
	return out
}

func sourceFromProto(s *csipb.VolumeContentSource) ContentSource {
	return ContentSource{Snapshot: s.GetSnapshot().GetSnapshotId(), Volume: s.GetVolume().GetVolumeId()}
}

func sourceToProto(s ContentSource) *csipb.VolumeContentSource {
	switch {
	case s.Snapshot != "":
		return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{
			Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: s.Snapshot}}}
	case s.Volume != "":
		return &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{
			Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: s.Volume}}}
	}
	return nil
}

// nodesOf returns the nodes that a volume is attached to.
func nodesOf(v *Volume) []string {
	var out []string
	for _, a := range v.Attached {
		out = append(out, a.Node)
	}
	return out
}

// volumeSpecFromProto converts a create request that validate has accepted.
func volumeSpecFromProto(r *csipb.CreateVolumeRequest) (VolumeSpec, error) {
	access, err := accessesFromProto(r.GetVolumeCapabilities())
	return VolumeSpec{
		Name:       r.GetName(),
		Size:       sizeFromProto(r.GetCapacityRange()),
		Access:     access,
		Parameters: backendKeys(r.GetParameters()),
		Mutable:    backendKeys(r.GetMutableParameters()),
		Topology:   requirementFromProto(r.GetAccessibilityRequirements()),
		Owner:      ownerFrom(r.GetParameters()),
		Secrets:    secretsFromProto(r.GetSecrets()),
	}, err
}
