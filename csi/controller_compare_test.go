package csi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func reachableZones(names ...string) []Topology {
	var out []Topology
	for _, n := range names {
		out = append(out, Topology{"zone": n})
	}
	return out
}

// TestRule5_ReachesXOfN covers the spec's examples at TopologyRequirement.
func TestRule5_ReachesXOfN(t *testing.T) {
	for _, test := range []struct {
		name                 string
		requisite, reachable []Topology
		want                 bool
	}{
		{"nothing asked for", nil, reachableZones("a"), true},
		{"from everywhere", reachableZones("a"), nil, true},
		{"x < n: one of them", reachableZones("a", "b"), reachableZones("b"), true},
		{"x < n: none of them", reachableZones("a", "b"), reachableZones("c"), false},
		{"x < n: two of three", reachableZones("a", "b", "c"), reachableZones("c", "a"), true},
		{"x < n: one and another", reachableZones("a", "b", "c"), reachableZones("a", "z"), false},
		{"x = n", reachableZones("a", "b"), reachableZones("b", "a"), true},
		{"x = n: one is missing", reachableZones("a", "b"), reachableZones("a", "c"), false},
		{"x > n", reachableZones("a"), reachableZones("a", "c"), true},
		{"x > n: the one is missing", reachableZones("a"), reachableZones("b", "c"), false},
		{"a region holds its zones", []Topology{{"region": "r", "zone": "a"}}, []Topology{{"region": "r"}}, true},
		{"a zone is not its region", []Topology{{"region": "r"}}, []Topology{{"region": "r", "zone": "a"}}, false},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, reaches(test.requisite, test.reachable)) })
	}
}

// TestRule5_ReachesIsMonotonic: what is chosen out of the requisite topologies
// is accepted, and reachability from one more of them never harms.
func TestRule5_ReachesIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-f]`), 1, 6, rapid.ID).Draw(t, "requisite")
		n := rapid.IntRange(1, len(names)).Draw(t, "n")
		requisite, chosen := reachableZones(names...), reachableZones(rapid.Permutation(names).Draw(t, "chosen")[:n]...)
		if !reaches(requisite, chosen) {
			t.Fatalf("%v of %v", chosen, requisite)
		}
		if outside := append(chosen[:n-1:n-1], Topology{"zone": "z"}); reaches(requisite, outside) {
			t.Fatalf("%v of %v", outside, requisite)
		}
	})
}
