package csi

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func inR1(names ...string) (out []Topology) {
	for _, n := range names {
		out = append(out, Topology{"region": "R1", "zone": n})
	}
	return out
}

func TestRule5_PreferredFirstThenRequisite(t *testing.T) {
	r := TopologyRequirement{Requisite: inR1("Z2", "Z3", "Z4", "Z5"), Preferred: inR1("Z4", "Z2")}
	assert.Equal(t, inR1("Z4", "Z2", "Z3", "Z5"), r.Candidates())
	assert.Empty(t, TopologyRequirement{}.Candidates())
}

// The examples of the specification, TopologyRequirement.
func TestRule5_XOfN(t *testing.T) {
	for _, c := range []struct {
		name              string
		requisite, prefer []Topology
		x                 int
		possible, want    []Topology
	}{
		{"x=n", inR1("Z2"), nil, 1, inR1("Z1", "Z2"), inR1("Z2")},
		{"x=n, one not possible", inR1("Z2", "Z3"), nil, 2, inR1("Z2", "Z4"), nil},
		{"x<n", inR1("Z2", "Z3", "Z4"), nil, 2, inR1("Z4", "Z1", "Z3"), inR1("Z3", "Z4")},
		{"x<n, too few possible", inR1("Z2", "Z3", "Z4"), nil, 2, inR1("Z4", "Z1"), nil},
		{"x>n", inR1("Z2"), nil, 2, inR1("Z4", "Z2"), inR1("Z2", "Z4")},
		{"x>n, the requisite one not possible", inR1("Z2"), nil, 2, inR1("Z4", "Z3"), nil},
		{"example 2", inR1("Z2", "Z3", "Z4", "Z5"), inR1("Z4", "Z2"), 1, inR1("Z5", "Z2"), inR1("Z2")},
		{"example 3", inR1("Z2", "Z3", "Z4", "Z5"), inR1("Z5", "Z3"), 2, inR1("Z2", "Z3", "Z4", "Z5"), inR1("Z5", "Z3")},
		{"example 3, Z3 not possible", inR1("Z2", "Z3", "Z4", "Z5"), inR1("Z5", "Z3"), 2, inR1("Z2", "Z4", "Z5"), inR1("Z5", "Z2")},
		{"example 3, Z5 not possible", inR1("Z2", "Z3", "Z4", "Z5"), inR1("Z5", "Z3"), 2, inR1("Z2", "Z3", "Z4"), inR1("Z3", "Z2")},
		{"no requirement", nil, nil, 1, inR1("Z9", "Z1"), inR1("Z9")},
		{"preferred only, not possible", nil, inR1("Z2"), 1, inR1("Z9"), inR1("Z9")},
		{"one place serves two hosts", []Topology{{"zone": "Z1", "host": "a"}, {"zone": "Z1", "host": "b"}}, nil, 1, []Topology{{"zone": "Z1"}}, []Topology{{"zone": "Z1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := TopologyRequirement{c.requisite, c.prefer}.Choose(c.x, c.possible)
			if c.want == nil {
				require.ErrorIs(t, err, ErrExhausted)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestRule5_ChooseProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		subset := func(label string, of []Topology) []Topology {
			return slices.DeleteFunc(slices.Clone(rapid.Permutation(of).Draw(r, label)), func(Topology) bool { return rapid.Bool().Draw(r, label+" drops") })
		}
		all := inR1("1", "2", "3", "4", "5")
		req := TopologyRequirement{Requisite: subset("requisite", all)}
		req.Preferred = subset("preferred", req.Requisite)
		possible, x := subset("possible", all), rapid.IntRange(1, 5).Draw(r, "x")
		reachable := 0
		for _, t := range req.Requisite {
			if serves(possible, t) {
				reachable++
			}
		}
		n := len(req.Requisite)
		feasible := len(possible) >= x && reachable >= min(x, n)
		got, err := req.Choose(x, possible)
		if feasible != (err == nil) {
			r.Fatalf("feasible is %v, and the answer %v, %v", feasible, got, err)
		}
		if err != nil {
			return
		}
		inRequisite := 0
		for i, p := range got {
			if containsTopology(got[:i], p) || !containsTopology(possible, p) {
				r.Fatal(fmt.Sprint("twice or not possible: ", got))
			}
			if containsTopology(req.Requisite, p) {
				inRequisite++
			}
		}
		if len(got) != x || inRequisite != min(x, n) {
			r.Fatalf("%d places, %d of them requisite, for x=%d, n=%d", len(got), inRequisite, x, n)
		}
	})
}

func TestAllows(t *testing.T) {
	r := TopologyRequirement{Requisite: inR1("Z1", "Z2")}
	assert.True(t, r.Allows(inR1("Z3", "Z2")))
	assert.False(t, r.Allows(inR1("Z3")))
	assert.True(t, r.Allows(nil), "reachable from everywhere")
	assert.True(t, r.Allows([]Topology{{"region": "R1"}}), "reachable from the whole region")
	assert.True(t, TopologyRequirement{}.Allows(inR1("Z3")))
}
