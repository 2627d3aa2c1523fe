package speccheck

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// maxSegment is the length of a topology key's prefix, of its name and of its
// value (csi.proto at Topology).
const maxSegment = 63

func checkRequirement(r *csipb.TopologyRequirement) *Violation {
	if len(r.GetRequisite()) == 0 && len(r.GetPreferred()) == 0 {
		return wrong("neither requisite nor preferred", "at least one of them")
	}
	if len(r.GetRequisite()) == 0 {
		return nil
	}
	for i, p := range r.GetPreferred() {
		same := func(t *csipb.Topology) bool { return maps.Equal(t.GetSegments(), p.GetSegments()) }
		if !slices.ContainsFunc(r.GetRequisite(), same) {
			return wrong("a topology that is not in requisite", "one of requisite").in(element("preferred", i))
		}
	}
	return nil
}

func checkTopology(segments map[string]string) *Violation {
	seen := make(map[string]bool, len(segments))
	for _, key := range slices.Sorted(maps.Keys(segments)) {
		prefix, name, hasPrefix := strings.Cut(key, "/")
		if !hasPrefix {
			prefix, name = "", key
		}
		switch folded := strings.ToLower(key); {
		case hasPrefix && !isTopologyPrefix(prefix), !isSegment(name):
			return wrong("the key "+strconv.Quote(key), "[prefix/]name, each of at most 63 characters, prefix a lower-case domain, name alphanumeric with '-', '_', '.' inside").in("segments")
		case seen[folded]:
			return wrong("the key "+strconv.Quote(key)+" twice but for case", "keys that differ in more than case").in("segments")
		case !isSegment(segments[key]):
			return wrong(strconv.Quote(segments[key]), "1 to 63 alphanumeric characters with '-', '_', '.' inside").in("segments[" + key + "]")
		default:
			seen[folded] = true
		}
	}
	return nil
}

// isSegment reports whether s is the name of a key or a value.
func isSegment(s string) bool {
	if s == "" || len(s) > maxSegment || !isAlphanumeric(s[0]) || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	return onlyNameCharacters(s)
}

func isTopologyPrefix(s string) bool {
	return isSegment(s) && s == strings.ToLower(s) && strings.IndexByte(s, '_') < 0
}
