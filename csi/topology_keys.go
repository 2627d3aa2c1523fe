package csi

import (
	"fmt"
	"strings"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

// checkTopologyKeys checks the form of the keys of a driver (spec, Topology).
// Keys of different prefixes are only a warning: the spec forbids them, but
// Kubernetes takes them and drivers need them (contract ruling 36).
func checkTopologyKeys(keys []string) (warnings []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sample := Topology{}
	for _, k := range keys {
		if _, twice := sample[k]; twice {
			return nil, fmt.Errorf("csi: Traits.TopologyKeys names %q twice", k)
		}
		sample[k] = "value"
	}
	if err := speccheck.Check(topologyToProto(sample)); err != nil {
		return nil, fmt.Errorf("csi: Traits.TopologyKeys: %w", err)
	}
	first, _, _ := strings.Cut(keys[0], "/")
	for _, k := range keys[1:] {
		if prefix, _, _ := strings.Cut(k, "/"); prefix != first {
			return []string{fmt.Sprintf("topology keys %q and %q differ in their prefix, which the CSI specification wants to be the same", keys[0], k)}, nil
		}
	}
	return nil, nil
}
