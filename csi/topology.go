package csi

import "maps"

// A Topology is a place that volumes can be reached from: one value for each
// of some keys.
type Topology map[string]string

// Contains reports whether every segment of part is a segment of t.
func (t Topology) Contains(part Topology) bool {
	for k, v := range part {
		if got, ok := t[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// A TopologyRequirement says where a volume must (Requisite) and should best
// (Preferred) be reachable. Preferred is part of Requisite if both are given
// (spec, CreateVolume).
type TopologyRequirement struct{ Requisite, Preferred []Topology }

// Candidates returns the places to try for a volume that is in one place, best
// first, each once: the preferred ones in their order, then the other requisite
// ones. If r.Requisite is empty, any other place will do after those; else
// answer [ErrExhausted], and never fall back to a place that is not listed.
func (r TopologyRequirement) Candidates() []Topology {
	var out []Topology
	for _, t := range append(append([]Topology(nil), r.Preferred...), r.Requisite...) {
		if !containsTopology(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// Allows reports whether a volume that is reachable from the places given (all
// places if empty) is reachable from one that r asks for.
func (r TopologyRequirement) Allows(reachable []Topology) bool {
	if len(r.Requisite) == 0 || len(reachable) == 0 {
		return true
	}
	for _, want := range r.Requisite {
		for _, have := range reachable {
			if want.Contains(have) {
				return true
			}
		}
	}
	return false
}

func containsTopology(list []Topology, t Topology) bool {
	for _, have := range list {
		if maps.Equal(have, t) {
			return true
		}
	}
	return false
}
