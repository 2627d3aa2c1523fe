package csi

import "fmt"

// Choose returns the x places, of those that are possible, in which a volume
// should be that is in x places at once, such as one that is replicated to two
// zones (spec, TopologyRequirement, with its x and n):
//
//   - with as many requisite topologies as x, or fewer, all of them are served,
//     and the places that remain are any;
//   - with more, x of them are served;
//   - the preferred ones come first, in their order.
//
// possible lists the places where the storage can put the volume now, in its
// own order of preference. A place serves a topology that has all of the
// place's segments. The error wraps [ErrExhausted].
func (r TopologyRequirement) Choose(x int, possible []Topology) ([]Topology, error) {
	var chosen []Topology
	for _, t := range r.Candidates() {
		if len(chosen) < x && !serves(chosen, t) {
			if i := server(possible, t); i >= 0 {
				chosen = append(chosen, possible[i])
			}
		}
	}
	if r.served(chosen) {
		for _, place := range possible {
			if len(chosen) < x && !containsTopology(chosen, place) {
				chosen = append(chosen, place)
			}
		}
	}
	if len(chosen) < x || !r.Allows(chosen) {
		return nil, fmt.Errorf("%w: a volume in %d places that serves %v is not possible with %v", ErrExhausted, x, r.Candidates(), possible)
	}
	return chosen, nil
}

// served reports whether every requisite topology is served by the places.
func (r TopologyRequirement) served(places []Topology) bool {
	for _, t := range r.Requisite {
		if !serves(places, t) {
			return false
		}
	}
	return true
}

func serves(places []Topology, t Topology) bool { return server(places, t) >= 0 }

// server returns the index of the first place that serves t, or -1.
func server(places []Topology, t Topology) int {
	for i, place := range places {
		if t.Contains(place) {
			return i
		}
	}
	return -1
}
