package csi

// compare checks that the volume that a backend returned is the one asked for.
// The test of the size is a range test, and that of the topology asks for what
// the spec promises the CO (spec, TopologyRequirement).
func (c *creation) compare(v *Volume) error {
	name, spec := c.spec.Name, &c.spec
	switch {
	case !spec.Size.Contains(v.Size):
		return differs(name, "it has %d bytes, asked for are at least %d and at most %d (0: no bound)", v.Size, spec.Size.Required, spec.Size.Limit)
	case v.Source != c.source:
		return differs(name, "it was made from %s, asked for is one from %s", describe(v.Source), describe(c.source))
	case !reaches(spec.Topology.Requisite, v.Topology):
		return differs(name, "it is reachable from %v, asked for are %v", v.Topology, spec.Topology.Requisite)
	}
	return nil
}

func differs(name, format string, args ...any) error {
	return refuse(ErrExists, "a volume named %q exists and differs: "+format, append([]any{name}, args...)...)
}

// describe says in words what a volume is made from.
func describe(s ContentSource) string {
	switch {
	case s.Snapshot != "":
		return "snapshot " + s.Snapshot
	case s.Volume != "":
		return "volume " + s.Volume
	}
	return "nothing"
}

// reaches reports whether a volume that is reachable from x places keeps what n
// requisite topologies ask for: to be in x of them if x < n, in all of them
// otherwise. A volume without topology is reachable from everywhere.
func reaches(requisite, reachable []Topology) bool {
	if len(requisite) == 0 || len(reachable) == 0 {
		return true
	}
	covered := 0
	for _, want := range requisite {
		if serves(reachable, want) {
			covered++
		}
	}
	return covered >= min(len(requisite), len(reachable))
}
