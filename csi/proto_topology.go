package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

func topologyFromProto(t *csipb.Topology) Topology {
	if t == nil {
		return nil
	}
	return Topology(t.GetSegments())
}

func topologiesFromProto(list []*csipb.Topology) []Topology {
	var out []Topology
	for _, t := range list {
		out = append(out, topologyFromProto(t))
	}
	return out
}

func requirementFromProto(r *csipb.TopologyRequirement) TopologyRequirement {
	return TopologyRequirement{
		Requisite: topologiesFromProto(r.GetRequisite()),
		Preferred: topologiesFromProto(r.GetPreferred()),
	}
}

// topologyToProto returns nil for an empty topology: everywhere.
func topologyToProto(t Topology) *csipb.Topology {
	if len(t) == 0 {
		return nil
	}
	return &csipb.Topology{Segments: t}
}

func topologiesToProto(list []Topology) []*csipb.Topology {
	var out []*csipb.Topology
	for _, t := range list {
		out = append(out, &csipb.Topology{Segments: t})
	}
	return out
}
