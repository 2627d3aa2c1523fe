package speccheck

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// special are the rules that no descriptor tells.
var special = map[protoreflect.FullName]func(proto.Message) *Violation{
	"csi.v1.CreateVolumeRequest":              func(m proto.Message) *Violation { return checkName(m.(*csipb.CreateVolumeRequest).GetName()) },
	"csi.v1.CreateSnapshotRequest":            func(m proto.Message) *Violation { return checkName(m.(*csipb.CreateSnapshotRequest).GetName()) },
	"csi.v1.CreateVolumeGroupSnapshotRequest": func(m proto.Message) *Violation { return checkGroup(m.(*csipb.CreateVolumeGroupSnapshotRequest)) },
	"csi.v1.CapacityRange":                    func(m proto.Message) *Violation { return checkCapacityRange(m.(*csipb.CapacityRange)) },
	"csi.v1.Topology":                         func(m proto.Message) *Violation { return checkTopology(m.(*csipb.Topology).GetSegments()) },
	"csi.v1.TopologyRequirement":              func(m proto.Message) *Violation { return checkRequirement(m.(*csipb.TopologyRequirement)) },
}

// checkName rejects the characters that the spec bans from names: control
// characters other than tab, line feed and carriage return.
func checkName(name string) *Violation {
	for i, r := range name {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || 0x7f <= r && r <= 0x9f {
			return wrong(fmt.Sprintf("the control character %U at byte %d", r, i), "no control characters but tab, LF and CR").in("name")
		}
	}
	return nil
}

func checkGroup(r *csipb.CreateVolumeGroupSnapshotRequest) *Violation {
	seen := map[string]bool{}
	for _, id := range r.GetSourceVolumeIds() {
		if id == "" || seen[id] {
			return wrong(strconv.Quote(id)+" twice or empty", "each volume once").in("source_volume_ids")
		}
		seen[id] = true
	}
	return checkName(r.GetName())
}

func checkCapacityRange(r *csipb.CapacityRange) *Violation {
	required, limit := r.GetRequiredBytes(), r.GetLimitBytes()
	if required == 0 && limit == 0 {
		return wrong("neither required_bytes nor limit_bytes", "at least one of them")
	}
	if limit > 0 && required > limit {
		v := wrong(strconv.FormatInt(required, 10), fmt.Sprintf("at most limit_bytes, %d", limit)).in("required_bytes")
		v.Range = true
		return v
	}
	return nil
}
