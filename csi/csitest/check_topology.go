package csitest

import (
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var topologyChecks = []check{
	{"Rule5/WhereAsked", "a volume asked for in this node's topology can be reached from there, on retry too (spec.md, CreateVolume)", []need{provisions, hasTopology}, whereAsked},
	{"Rule5/Nowhere", "a topology that no node has is RESOURCE_EXHAUSTED, never another place (spec.md, CreateVolume)", []need{provisions, hasTopology}, nowhere},
	{"Rule5/ElsewhereExists", "a volume of the name that is elsewhere is ALREADY_EXISTS, or RESOURCE_EXHAUSTED if nothing can be there (spec.md, CreateVolume)", []need{provisions, hasTopology}, elsewhereExists},
	{"Rule5/SnapshotWhereAsked", "a snapshot asked for where its volume is says so, one asked for where no node is is RESOURCE_EXHAUSTED (spec.md, CreateSnapshot)", []need{provisions, snapshots, snapshotTopology}, snapshotWhereAsked},
}

var snapshotTopology = need{"topology of snapshots (Traits.SnapshotTopology)", func(s *session) bool {
	return slices.Contains(s.offers.plugin, csipb.PluginCapability_Service_SNAPSHOT_ACCESSIBILITY_CONSTRAINTS)
}}

// here is this node's topology, and a place that does not exist.
func (s *session) here() (real, imaginary *csipb.Topology) {
	info, err := s.node.NodeGetInfo(s.ctx(), &csipb.NodeGetInfoRequest{})
	s.must("NodeGetInfo", err)
	imaginary = &csipb.Topology{Segments: maps.Clone(info.GetAccessibleTopology().GetSegments())}
	for key := range imaginary.GetSegments() {
		imaginary.Segments[key] = "csitest-nowhere"
	}
	return info.GetAccessibleTopology(), imaginary
}

func in(places ...*csipb.Topology) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: places, Preferred: places}
	}
}

func whereAsked(s *session) {
	here, nowhere := s.here()
	for _, places := range [][]*csipb.Topology{{here}, {nowhere, here}} {
		v := s.create(in(places...))
		again, err := s.controller.CreateVolume(s.ctx(), v.request)
		s.must("CreateVolume again", err)
		s.adopt(v.request, again)
		for _, got := range []*csipb.Volume{v.Volume, again.GetVolume()} {
			if places := got.GetAccessibleTopology(); len(places) != 1 || !proto.Equal(places[0], here) {
				s.Errorf("volume %s is reachable from %v, want %v", got.GetVolumeId(), places, here)
			}
		}
	}
}

func nowhere(s *session) {
	_, nowhere := s.here()
	s.refuses("a topology that does not exist", in(nowhere), codes.ResourceExhausted)
}

func elsewhereExists(s *session) {
	here, nowhere := s.here()
	v := s.create(in(here))
	resp, err := s.controller.CreateVolume(s.ctx(), edited(v.request, in(nowhere)))
	s.wantCode("CreateVolume of the same name elsewhere", err, codes.AlreadyExists, codes.ResourceExhausted)
	if err == nil {
		s.adopt(v.request, resp)
	}
}

func snapshotWhereAsked(s *session) {
	here, nowhere := s.here()
	v := s.create(in(here))
	at := func(place *csipb.Topology) func(*csipb.CreateSnapshotRequest) {
		return func(r *csipb.CreateSnapshotRequest) {
			r.AccessibilityRequirements = &csipb.TopologyRequirement{Requisite: []*csipb.Topology{place}}
		}
	}
	if places := s.cut(v.snapshotRequest(at(here))).GetAccessibleTopology(); len(places) != 1 || !proto.Equal(places[0], here) {
		s.Errorf("the snapshot can be used in %v, want %v", places, here)
	}
	v.snapshotFails("where no node is", codes.ResourceExhausted, at(nowhere))
}
