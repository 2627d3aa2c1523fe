package csitest

import (
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// offers is what the driver says it can do.
type offers struct {
	plugin     []csipb.PluginCapability_Service_Type
	expansion  csipb.PluginCapability_VolumeExpansion_Type
	controller []csipb.ControllerServiceCapability_RPC_Type
	node       []csipb.NodeServiceCapability_RPC_Type
	traits     csi.Traits
	mount      []csi.AccessMode
	block      []csi.AccessMode
}

// ask fills the offers of the driver that s talks to.
func (s *session) ask() {
	o := offers{traits: traitsOf(s.h.Backend())}
	plugin, err := s.identity.GetPluginCapabilities(s.ctx(), &csipb.GetPluginCapabilitiesRequest{})
	s.must("GetPluginCapabilities", err)
	for _, c := range plugin.GetCapabilities() {
		if c.GetService() != nil {
			o.plugin = append(o.plugin, c.GetService().GetType())
		}
		if c.GetVolumeExpansion() != nil {
			o.expansion = c.GetVolumeExpansion().GetType()
		}
	}
	node, err := s.node.NodeGetCapabilities(s.ctx(), &csipb.NodeGetCapabilitiesRequest{})
	s.must("NodeGetCapabilities", err)
	for _, c := range node.GetCapabilities() {
		o.node = append(o.node, c.GetRpc().GetType())
	}
	if slices.Contains(o.plugin, csipb.PluginCapability_Service_CONTROLLER_SERVICE) {
		controller, err := s.controller.ControllerGetCapabilities(s.ctx(), &csipb.ControllerGetCapabilitiesRequest{})
		s.must("ControllerGetCapabilities", err)
		for _, c := range controller.GetCapabilities() {
			o.controller = append(o.controller, c.GetRpc().GetType())
		}
	}
	o.mount, o.block = modes(o.traits.Mount), modes(o.traits.Block)
	s.offers = o
}

func traitsOf(l csi.Locator) csi.Traits {
	if d, ok := l.(csi.Describer); ok {
		return d.Traits()
	}
	return csi.Traits{}
}

// modes applies the default of [csi.Traits].
func modes(m []csi.AccessMode) []csi.AccessMode {
	if m == nil {
		return []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeSingleWriter, csi.SingleNodeMultiWriter}
	}
	return m
}

// A need is something that a check cannot do without.
type need struct {
	what string
	met  func(*session) bool
}

func controllerCap(c csipb.ControllerServiceCapability_RPC_Type) need {
	return need{"the controller capability " + c.String(), func(s *session) bool { return slices.Contains(s.offers.controller, c) }}
}

func nodeCap(c csipb.NodeServiceCapability_RPC_Type) need {
	return need{"the node capability " + c.String(), func(s *session) bool { return slices.Contains(s.offers.node, c) }}
}

func mountMode(m csi.AccessMode) need {
	return need{"volumes with a file system and access mode " + m.String(), func(s *session) bool { return slices.Contains(s.offers.mount, m) }}
}

var (
	provisions    = controllerCap(csipb.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME)
	attaches      = controllerCap(csipb.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME)
	listsVolumes  = controllerCap(csipb.ControllerServiceCapability_RPC_LIST_VOLUMES)
	listsNodes    = controllerCap(csipb.ControllerServiceCapability_RPC_LIST_VOLUMES_PUBLISHED_NODES)
	getsVolume    = controllerCap(csipb.ControllerServiceCapability_RPC_GET_VOLUME)
	tellsHealth   = controllerCap(csipb.ControllerServiceCapability_RPC_GET_VOLUME_HEALTH)
	listsHealth   = controllerCap(csipb.ControllerServiceCapability_RPC_LIST_VOLUME_HEALTH)
	tellsCapacity = controllerCap(csipb.ControllerServiceCapability_RPC_GET_CAPACITY)
	snapshots     = controllerCap(csipb.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT)
	listsSnaps    = controllerCap(csipb.ControllerServiceCapability_RPC_LIST_SNAPSHOTS)
	getsSnapshot  = controllerCap(csipb.ControllerServiceCapability_RPC_GET_SNAPSHOT)
	clones        = controllerCap(csipb.ControllerServiceCapability_RPC_CLONE_VOLUME)
	expands       = controllerCap(csipb.ControllerServiceCapability_RPC_EXPAND_VOLUME)
	modifies      = controllerCap(csipb.ControllerServiceCapability_RPC_MODIFY_VOLUME)
	stages        = nodeCap(csipb.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME)
	expandsNode   = nodeCap(csipb.NodeServiceCapability_RPC_EXPAND_VOLUME)
	tellsStats    = nodeCap(csipb.NodeServiceCapability_RPC_GET_VOLUME_STATS)

	hasTopology = need{"topology (Traits.TopologyKeys)", func(s *session) bool {
		return slices.Contains(s.offers.plugin, csipb.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS)
	}}
	groups = need{"group snapshots (csi.GroupSnapshotter)", func(s *session) bool {
		return slices.Contains(s.offers.plugin, csipb.PluginCapability_Service_GROUP_CONTROLLER_SERVICE)
	}}
	otherNode  = need{"Harness.OtherNode", func(s *session) bool { return s.h.OtherNode != "" }}
	multiNode  = need{"an access mode of several nodes", func(s *session) bool { return s.sharedMode() != 0 }}
	twoModes   = need{"two access modes", func(s *session) bool { return s.secondMode() != 0 }}
	mutable    = need{"Harness.Mutable and BadMutable", func(s *session) bool { return len(s.h.Mutable) > 0 && len(s.h.BadMutable) > 0 }}
	devices    = need{"Harness.Devices", func(s *session) bool { return s.h.Devices }}
	fileSystem = need{"volumes with a file system", func(s *session) bool { return len(s.offers.mount) > 0 }}
	rawBlock   = need{"raw block volumes", func(s *session) bool { return len(s.offers.block) > 0 }}
	inline     = need{"csi.Ephemeral", func(s *session) bool { return implements[csi.Ephemeral](s, "Ephemeral") }}
)

// implements reports whether the driver uses an optional interface.
func implements[T any](s *session, name string) bool {
	_, ok := s.h.Backend().(T)
	return ok && !slices.Contains(s.h.Options.Disable, name)
}

// mode is the access mode of test volumes: a writer on one node if possible.
func (s *session) mode() csi.AccessMode {
	list := s.offers.mount
	if s.isBlock() {
		list = s.offers.block
	}
	if slices.Contains(list, csi.SingleNodeWriter) || len(list) == 0 {
		return csi.SingleNodeWriter
	}
	return list[0]
}

// isBlock reports whether test volumes are raw: only if there are no others.
func (s *session) isBlock() bool { return len(s.offers.mount) == 0 }

// sharedMode returns an access mode of several nodes, or 0.
func (s *session) sharedMode() csi.AccessMode {
	return s.findMode(func(m csi.AccessMode) bool { return m == csi.MultiNodeMultiWriter || m == csi.MultiNodeReaderOnly })
}

// secondMode returns a mode that is not [session.mode], or 0.
func (s *session) secondMode() csi.AccessMode {
	return s.findMode(func(m csi.AccessMode) bool { return m != s.mode() && !m.ReadOnly() })
}

func (s *session) findMode(f func(csi.AccessMode) bool) csi.AccessMode {
	list := s.offers.mount
	if s.isBlock() {
		list = s.offers.block
	}
	if i := slices.IndexFunc(list, f); i >= 0 {
		return list[i]
	}
	return 0
}
