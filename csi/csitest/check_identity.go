package csitest

import (
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var identityChecks = []check{
	{"Rule33/PluginInfo", "the name is that of csi.New and the version that of Options (spec.md, GetPluginInfo)", nil, pluginInfo},
	{"Rule33/ProbeReady", "a driver whose backend works says so: OK, ready not false (spec.md, Probe)", nil, probeReady},
	{"Rule32/CapabilitiesMatchBackend", "exactly what the backend implements is advertised, less Options.Disable (spec.md, *GetCapabilities)", nil, capabilitiesMatch},
	{"Rule32/SameOnEveryInstance", "GetPluginCapabilities is the same on controller and node instances (spec.md, GetPluginCapabilities)", nil, sameOnEveryInstance},
	{"Rule32/UnofferedIsUnimplemented", "an RPC that is not offered answers UNIMPLEMENTED (spec.md, Error Scheme)", nil, unofferedIsUnimplemented},
	{"Rule28/NodeInfo", "the node id is 1 to 256 bytes, the limit not negative, the topology has the keys of Traits, and all are the same after a restart (spec.md, NodeGetInfo)", nil, nodeInfo},
}

func pluginInfo(s *session) {
	info, err := s.identity.GetPluginInfo(s.ctx(), &csipb.GetPluginInfoRequest{})
	s.must("GetPluginInfo", err)
	if info.GetName() != driverName || info.GetVendorVersion() != "csitest" {
		s.Errorf("GetPluginInfo says %q version %q, want %q version %q", info.GetName(), info.GetVendorVersion(), driverName, "csitest")
	}
}

func probeReady(s *session) {
	for {
		resp, err := s.identity.Probe(s.ctx(), &csipb.ProbeRequest{})
		s.must("Probe", err)
		if resp.GetReady() == nil || resp.GetReady().GetValue() {
			return
		}
		s.pause("Probe to be ready")
	}
}

// capabilitiesMatch compares what is advertised with what the backend's type
// implements.
func capabilitiesMatch(s *session) {
	for _, e := range []struct {
		need need
		want bool
	}{
		{provisions, implements[csi.Provisioner](s, "Provisioner")},
		{attaches, implements[csi.Attacher](s, "Attacher")},
		{listsVolumes, implements[csi.VolumeLister](s, "VolumeLister")},
		{tellsCapacity, implements[csi.CapacityReporter](s, "CapacityReporter")},
		{snapshots, implements[csi.Snapshotter](s, "Snapshotter")},
		{getsSnapshot, implements[csi.Snapshotter](s, "Snapshotter")},
		{groups, implements[csi.GroupSnapshotter](s, "GroupSnapshotter")},
		{listsSnaps, implements[csi.SnapshotLister](s, "SnapshotLister")},
		{clones, implements[csi.Cloner](s, "Cloner")},
		{expands, implements[csi.Expander](s, "Expander")},
		{modifies, implements[csi.Modifier](s, "Modifier")},
		{getsVolume, implements[csi.Provisioner](s, "Provisioner")},
		{tellsHealth, implements[csi.HealthReporter](s, "HealthReporter")},
		{listsHealth, implements[csi.HealthLister](s, "HealthLister")},
		{listsNodes, implements[csi.Attacher](s, "Attacher") && implements[csi.VolumeLister](s, "VolumeLister")},
		{stages, !s.offers.traits.PerPod},
		{hasTopology, len(s.offers.traits.TopologyKeys) > 0},
	} {
		if e.need.met(s) != e.want {
			s.Errorf("%s: advertised %t, the backend implements it: %t", e.need.what, !e.want, e.want)
		}
	}
}

func sameOnEveryInstance(s *session) {
	var answers []*csipb.GetPluginCapabilitiesResponse
	for _, services := range []csi.Services{csi.AllServices, csi.ControllerService, csi.NodeService} {
		s.stop()
		opts := s.options()
		opts.Services = services
		s.startWith(s.h.Backend(), opts)
		resp, err := s.identity.GetPluginCapabilities(s.ctx(), &csipb.GetPluginCapabilitiesRequest{})
		s.must("GetPluginCapabilities", err)
		answers = append(answers, resp)
		if !proto.Equal(resp, answers[0]) {
			s.Errorf("GetPluginCapabilities says %v with Services %v, and %v with all", resp, services, answers[0])
		}
	}
	s.restart()
}

// unofferedIsUnimplemented starts the driver with everything disabled that can
// be, and calls what is then not offered.
func unofferedIsUnimplemented(s *session) {
	s.stop()
	s.start(func(o *csi.Options) {
		o.Disable = []string{"Attacher", "Expander", "NodeExpander", "Modifier", "Snapshotter", "GroupSnapshotter", "Cloner", "VolumeLister", "SnapshotLister", "CapacityReporter", "HealthReporter", "HealthLister"}
	})
	if left := len(s.offers.controller); left > 3 {
		s.Errorf("%d controller capabilities are advertised though all are disabled: %v", left, s.offers.controller)
	}
	v := &volume{s: s, Volume: &csipb.Volume{VolumeId: "csitest"}, cap: s.capability(s.mode())}
	for rpc, call := range map[string]func() error{
		"ControllerPublishVolume": func() error {
			_, err := s.controller.ControllerPublishVolume(s.ctx(), v.attachRequest("node"))
			return err
		},
		"ControllerUnpublishVolume": func() error {
			_, err := s.controller.ControllerUnpublishVolume(s.ctx(), v.detachRequest("node"))
			return err
		},
		"ListVolumes": func() error {
			_, err := s.controller.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{})
			return err
		},
		"GetCapacity": func() error {
			_, err := s.controller.GetCapacity(s.ctx(), &csipb.GetCapacityRequest{})
			return err
		},
		"CreateSnapshot": func() error {
			_, err := s.controller.CreateSnapshot(s.ctx(), v.snapshotRequest())
			return err
		},
		"DeleteSnapshot": func() error {
			_, err := s.controller.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{SnapshotId: "csitest"})
			return err
		},
		"CreateVolumeGroupSnapshot": func() error {
			_, err := s.groups.CreateVolumeGroupSnapshot(s.ctx(), s.groupRequest(v))
			return err
		},
		"DeleteVolumeGroupSnapshot": func() error {
			_, err := s.groups.DeleteVolumeGroupSnapshot(s.ctx(), &csipb.DeleteVolumeGroupSnapshotRequest{GroupSnapshotId: "csitest"})
			return err
		},
		"ListSnapshots": func() error {
			_, err := s.controller.ListSnapshots(s.ctx(), &csipb.ListSnapshotsRequest{})
			return err
		},
		"ControllerExpandVolume": func() error {
			_, err := s.controller.ControllerExpandVolume(s.ctx(), v.expandRequest(s.h.size()))
			return err
		},
		"ControllerModifyVolume": func() error {
			_, err := s.controller.ControllerModifyVolume(s.ctx(), v.modifyRequest(map[string]string{"key": "value"}))
			return err
		},
	} {
		s.wantCode(rpc+" of a driver that does not offer it", call(), codes.Unimplemented)
	}
	s.restart()
}

func nodeInfo(s *session) {
	first, err := s.node.NodeGetInfo(s.ctx(), &csipb.NodeGetInfoRequest{})
	s.must("NodeGetInfo", err)
	if n := len(first.GetNodeId()); n < 1 || n > 256 {
		s.Errorf("the node id %q has %d bytes", first.GetNodeId(), n)
	}
	if n := first.GetMaxVolumesPerNode(); n < 0 {
		s.Errorf("max_volumes_per_node is %d", n)
	}
	have := keys(first.GetAccessibleTopology().GetSegments())
	want := slices.Sorted(slices.Values(s.offers.traits.TopologyKeys))
	if !slices.Equal(have, want) {
		s.Errorf("the node's topology has the keys %v, Traits.TopologyKeys are %v", have, want)
	}
	s.restart()
	second, err := s.node.NodeGetInfo(s.ctx(), &csipb.NodeGetInfoRequest{})
	s.must("NodeGetInfo", err)
	if second.GetNodeId() != first.GetNodeId() || !proto.Equal(second.GetAccessibleTopology(), first.GetAccessibleTopology()) {
		s.Errorf("after a restart NodeGetInfo says %v, before %v", second, first)
	}
}
