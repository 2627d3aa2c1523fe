package speccheck

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func mounted(mode csipb.VolumeCapability_AccessMode_Mode, flags ...string) *csipb.VolumeCapability {
	return &csipb.VolumeCapability{
		AccessType: &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{FsType: "ext4", MountFlags: flags}},
		AccessMode: &csipb.VolumeCapability_AccessMode{Mode: mode},
	}
}

func create(change func(*csipb.CreateVolumeRequest)) *csipb.CreateVolumeRequest {
	r := &csipb.CreateVolumeRequest{
		Name:               "pvc-1",
		CapacityRange:      &csipb.CapacityRange{RequiredBytes: 1 << 30},
		VolumeCapabilities: []*csipb.VolumeCapability{mounted(csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER)},
	}
	if change != nil {
		change(r)
	}
	return r
}

func publish(change func(*csipb.NodePublishVolumeRequest)) *csipb.NodePublishVolumeRequest {
	r := &csipb.NodePublishVolumeRequest{
		VolumeId: "vol-1", StagingTargetPath: "/staging", TargetPath: "/target",
		VolumeCapability: mounted(csipb.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, "noatime"),
		VolumeContext:    map[string]string{"pool": "fast", coPrefix + "pod.name": "web-0"},
		Secrets:          map[string]string{"user.name": "x"},
	}
	if change != nil {
		change(r)
	}
	return r
}

func topology(pairs ...string) *csipb.Topology {
	t := &csipb.Topology{Segments: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		t.Segments[pairs[i]] = pairs[i+1]
	}
	return t
}

func of(n int) string { return strings.Repeat("x", n) }

type violations []struct {
	name  string
	m     proto.Message
	field string // "" if there is none
	rng   bool
}

func (tests violations) run(t *testing.T) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Check(test.m)
			if test.field == "" {
				require.NoError(t, err)
				return
			}
			var v *Violation
			require.True(t, errors.As(err, &v), "found no violation")
			require.Equal(t, test.field, v.Field, "%v", err)
			require.NotEmpty(t, v.Found)
			require.NotEmpty(t, v.Allowed)
			require.Equal(t, test.rng, v.Range)
		})
	}
}

func TestRule2_RequiredFields(t *testing.T) {
	violations{
		{name: "complete", m: create(nil)},
		{name: "complete publish", m: publish(nil)},
		{name: "name", m: create(func(r *csipb.CreateVolumeRequest) { r.Name = "" }), field: "name"},
		{name: "capabilities", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = nil }), field: "volume_capabilities"},
		{name: "access mode", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities[0].AccessMode = nil }), field: "volume_capabilities[0].access_mode"},
		{name: "mode 0", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities[0].AccessMode.Mode = 0 }), field: "volume_capabilities[0].access_mode.mode"},
		{name: "mode 8", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities[0].AccessMode.Mode = 8 }), field: "volume_capabilities[0].access_mode.mode"},
		{name: "access type", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities[0].AccessType = nil }), field: "volume_capabilities[0].access_type"},
		{name: "second capability", m: create(func(r *csipb.CreateVolumeRequest) {
			r.VolumeCapabilities = append(r.VolumeCapabilities, &csipb.VolumeCapability{})
		}), field: "volume_capabilities[1].access_mode"},
		{name: "empty source", m: create(func(r *csipb.CreateVolumeRequest) { r.VolumeContentSource = &csipb.VolumeContentSource{} }), field: "volume_content_source.type"},
		{name: "source without id", m: create(func(r *csipb.CreateVolumeRequest) {
			r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{Snapshot: &csipb.VolumeContentSource_SnapshotSource{}}}
		}), field: "volume_content_source.snapshot.snapshot_id"},
		{name: "publish without target", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = "" }), field: "target_path"},
		{name: "publish without staging path is the driver's to judge", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.StagingTargetPath = "" })},
		{name: "expand without range", m: &csipb.ControllerExpandVolumeRequest{VolumeId: "v"}, field: "capacity_range"},
		{name: "modify without parameters", m: &csipb.ControllerModifyVolumeRequest{VolumeId: "v"}, field: "mutable_parameters"},
		{name: "node expand without path", m: &csipb.NodeExpandVolumeRequest{VolumeId: "v"}, field: "volume_path"},
	}.run(t)
}

func TestRule3_CapacityRange(t *testing.T) {
	sized := func(required, limit int64) *csipb.CreateVolumeRequest {
		return create(func(r *csipb.CreateVolumeRequest) {
			r.CapacityRange = &csipb.CapacityRange{RequiredBytes: required, LimitBytes: limit}
		})
	}
	violations{
		{name: "none", m: create(func(r *csipb.CreateVolumeRequest) { r.CapacityRange = nil })},
		{name: "limit only", m: sized(0, 1)},
		{name: "exact", m: sized(5, 5)},
		{name: "neither", m: sized(0, 0), field: "capacity_range"},
		{name: "negative", m: sized(-1, 5), field: "capacity_range.required_bytes"},
		{name: "negative limit", m: sized(1, -5), field: "capacity_range.limit_bytes"},
		{name: "reversed", m: sized(6, 5), field: "capacity_range.required_bytes", rng: true},
	}.run(t)
}

func TestRule5_Topology(t *testing.T) {
	asks := func(requisite, preferred []*csipb.Topology) *csipb.CreateVolumeRequest {
		return create(func(r *csipb.CreateVolumeRequest) {
			r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: requisite, Preferred: preferred}
		})
	}
	one := func(pairs ...string) *csipb.CreateVolumeRequest {
		return asks([]*csipb.Topology{topology(pairs...)}, nil)
	}
	a, b := topology("z", "a"), topology("z", "b")
	const segments = "accessibility_requirements.requisite[0].segments"
	violations{
		{name: "preferred is part of requisite", m: asks([]*csipb.Topology{a, b}, []*csipb.Topology{b})},
		{name: "preferred only", m: asks(nil, []*csipb.Topology{b})},
		{name: "preferred is not", m: asks([]*csipb.Topology{a}, []*csipb.Topology{b}), field: "accessibility_requirements.preferred[0]"},
		{name: "neither", m: asks(nil, nil), field: "accessibility_requirements"},
		{name: "with prefix", m: one("topology.ebs.csi.aws.com/zone", "us-east-1a")},
		{name: "long name", m: one(of(64), "a"), field: segments},
		{name: "long prefix", m: one(of(64)+"/z", "a"), field: segments},
		{name: "upper-case prefix", m: one("Example.com/z", "a"), field: segments},
		{name: "empty prefix", m: one("/z", "a"), field: segments},
		{name: "two slashes", m: one("a/b/c", "a"), field: segments},
		{name: "long value", m: one("z", of(64)), field: segments + "[z]"},
		{name: "empty value", m: one("z", ""), field: segments + "[z]"},
		{name: "value ends in a dash", m: one("z", "a-"), field: segments + "[z]"},
		{name: "keys that differ in case", m: one("zone", "a", "Zone", "a"), field: segments},
	}.run(t)
}

func TestRule13_NegativeMaxEntries(t *testing.T) {
	violations{
		{name: "volumes", m: &csipb.ListVolumesRequest{MaxEntries: -1}, field: "max_entries"},
		{name: "snapshots", m: &csipb.ListSnapshotsRequest{MaxEntries: -1}, field: "max_entries"},
		{name: "zero", m: &csipb.ListSnapshotsRequest{}},
	}.run(t)
}

func TestRule28_NodeID(t *testing.T) {
	violations{
		{name: "256 bytes", m: &csipb.NodeGetInfoResponse{NodeId: of(256)}},
		{name: "257 bytes", m: &csipb.NodeGetInfoResponse{NodeId: of(257)}, field: "node_id"},
		{name: "empty", m: &csipb.NodeGetInfoResponse{}, field: "node_id"},
		{name: "negative limit", m: &csipb.NodeGetInfoResponse{NodeId: "n", MaxVolumesPerNode: -1}, field: "max_volumes_per_node"},
	}.run(t)
}

func TestRule29_SizesAndCharacters(t *testing.T) {
	named := func(name string) *csipb.CreateVolumeRequest {
		return create(func(r *csipb.CreateVolumeRequest) { r.Name = name })
	}
	violations{
		{name: "name of 128 bytes", m: named(of(128))},
		{name: "name of 129 bytes", m: named(of(129)), field: "name"},
		{name: "name in Unicode", m: named("größe 体積 🗄\t\r\n")},
		{name: "name with NUL", m: named("a\x00"), field: "name"},
		{name: "name with U+0085", m: named("a\u0085"), field: "name"},
		{name: "name with DEL", m: named("a\x7f"), field: "name"},
		{name: "snapshot name with ESC", m: &csipb.CreateSnapshotRequest{SourceVolumeId: "v", Name: "\x1b"}, field: "name"},
		{name: "long id", m: &csipb.DeleteVolumeRequest{VolumeId: of(129)}, field: "volume_id"},
		{name: "any character in an id", m: &csipb.DeleteVolumeRequest{VolumeId: "a\x01/../"}},
		{name: "map of 4 KiB", m: create(func(r *csipb.CreateVolumeRequest) { r.Parameters = map[string]string{"k": of(4095)} })},
		{name: "larger map", m: create(func(r *csipb.CreateVolumeRequest) { r.Parameters = map[string]string{"k": of(4096)} }), field: "parameters"},
		{name: "mount flags of 4 KiB", m: publish(func(r *csipb.NodePublishVolumeRequest) {
			r.VolumeCapability.GetMount().MountFlags = []string{of(2048), of(2048)}
		})},
		{name: "longer mount flags", m: publish(func(r *csipb.NodePublishVolumeRequest) {
			r.VolumeCapability.GetMount().MountFlags = []string{of(2048), of(2049)}
		}), field: "volume_capability.mount.mount_flags"},
		{name: "empty mount flag", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.VolumeCapability.GetMount().MountFlags = []string{""} }), field: "volume_capability.mount.mount_flags"},
		{name: "paths are exempt", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = "/" + of(4000) })},
		{name: "relative path", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = "target" }), field: "target_path"},
		{name: "the root directory is nobody's target", m: &csipb.NodeUnpublishVolumeRequest{VolumeId: "v", TargetPath: "/x/.."}, field: "target_path"},
		{name: "relative volume path is no volume", m: &csipb.NodeGetVolumeStatsRequest{VolumeId: "v", VolumePath: "some/path"}},
		{name: "volume path with NUL", m: &csipb.NodeExpandVolumeRequest{VolumeId: "v", VolumePath: "/a\x00"}, field: "volume_path"},
		{name: "path with NUL", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.StagingTargetPath = "/a\x00" }), field: "staging_target_path"},
		{name: "secret key", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.Secrets = map[string]string{"a b": "x"} }), field: "secrets"},
	}.run(t)
}

// TestRule39_COKeysAreLetThrough: tokens alone may be larger than a map, and
// their key is no secret key of the spec.
func TestRule39_COKeysAreLetThrough(t *testing.T) {
	tokens := map[string]string{coPrefix + "serviceAccount.tokens": of(8000)}
	violations{
		{name: "in the context", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext = tokens })},
		{name: "in secrets", m: publish(func(r *csipb.NodePublishVolumeRequest) { r.Secrets = tokens })},
	}.run(t)
}

// TestViolation_QuotesNoSecret: neither keys nor values of secrets, nor flags.
func TestViolation_QuotesNoSecret(t *testing.T) {
	for _, m := range []proto.Message{
		publish(func(r *csipb.NodePublishVolumeRequest) { r.Secrets = map[string]string{"hunter 2": "hunter2"} }),
		publish(func(r *csipb.NodePublishVolumeRequest) {
			r.Secrets = map[string]string{"k": strings.Repeat("hunter2", 1000)}
		}),
		publish(func(r *csipb.NodePublishVolumeRequest) {
			r.VolumeCapability.GetMount().MountFlags = []string{"password=hunter2\x00"}
		}),
	} {
		err := Check(m)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter")
	}
}

func TestRequired_NamesFieldsThatExist(t *testing.T) {
	found := map[string]bool{}
	for name, p := range plans() {
		for _, f := range p.fields {
			if f.required != "" {
				found[string(name.Name())+"."+f.name] = true
			}
		}
	}
	for message, fields := range required {
		for _, f := range fields {
			require.True(t, found[string(message)+"."+string(f)], "%s.%s", message, f)
		}
	}
	for name := range special {
		require.NotNil(t, plans()[name], name)
	}
}

func FuzzCheck(f *testing.F) {
	for _, m := range []proto.Message{create(nil), publish(nil)} {
		raw, _ := proto.Marshal(m)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, m := range []proto.Message{&csipb.CreateVolumeRequest{}, &csipb.NodePublishVolumeRequest{}, &csipb.ListVolumesResponse{}} {
			if proto.Unmarshal(raw, m) == nil {
				before := proto.Clone(m)
				if err := Check(m); err != nil && err.Error() == "" {
					t.Fatal("a violation without a text")
				}
				if !proto.Equal(before, m) {
					t.Fatal("the message was changed")
				}
			}
		}
	})
}

func BenchmarkCheck_NodePublishVolume(b *testing.B) {
	r := publish(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck_CreateVolume(b *testing.B) {
	r := create(func(r *csipb.CreateVolumeRequest) {
		r.Parameters = map[string]string{"type": "gp3", "iops": "3000", coPrefix + "pvc/name": "data"}
		r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: []*csipb.Topology{topology("z/zone", "a"), topology("z/zone", "b")}}
	})
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(r); err != nil {
			b.Fatal(err)
		}
	}
}
