package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

// An offer is a capability, when it is advertised, and the RPCs that it
// opens. Capability RPCs and validation read the same tables, so that what is
// advertised is what is served.
type offer[C any] struct {
	capability C
	offered    func(*features) bool
	rpcs       []string // full method names
}

func always(*features) bool { return true }

var controllerOffers = []offer[controllerCapability]{
	{csipb.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		func(f *features) bool { return f.provisioner != nil },
		[]string{csipb.Controller_CreateVolume_FullMethodName, csipb.Controller_DeleteVolume_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME,
		func(f *features) bool { return f.attacher != nil },
		[]string{csipb.Controller_ControllerPublishVolume_FullMethodName, csipb.Controller_ControllerUnpublishVolume_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_PUBLISH_READONLY,
		func(f *features) bool { return f.attacher != nil && f.traits.ReadOnlyAttach }, nil},
	{csipb.ControllerServiceCapability_RPC_LIST_VOLUMES,
		func(f *features) bool { return f.volumeLister != nil },
		[]string{csipb.Controller_ListVolumes_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_LIST_VOLUMES_PUBLISHED_NODES,
		func(f *features) bool { return f.volumeLister != nil && f.attacher != nil }, nil},
	{csipb.ControllerServiceCapability_RPC_GET_CAPACITY,
		func(f *features) bool { return f.capacity != nil },
		[]string{csipb.Controller_GetCapacity_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		func(f *features) bool { return f.snapshotter != nil },
		[]string{csipb.Controller_CreateSnapshot_FullMethodName, csipb.Controller_DeleteSnapshot_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_GET_SNAPSHOT,
		func(f *features) bool { return f.snapshotter != nil },
		[]string{csipb.Controller_GetSnapshot_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		func(f *features) bool { return f.snapshotLister != nil },
		[]string{csipb.Controller_ListSnapshots_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_CLONE_VOLUME,
		func(f *features) bool { return f.cloner != nil }, nil},
	{csipb.ControllerServiceCapability_RPC_EXPAND_VOLUME,
		func(f *features) bool { return f.expander != nil },
		[]string{csipb.Controller_ControllerExpandVolume_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_GET_VOLUME,
		func(f *features) bool { return f.provisioner != nil },
		[]string{csipb.Controller_ControllerGetVolume_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_MODIFY_VOLUME,
		func(f *features) bool { return f.modifier != nil },
		[]string{csipb.Controller_ControllerModifyVolume_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER, always, nil},
	{csipb.ControllerServiceCapability_RPC_GET_VOLUME_HEALTH,
		func(f *features) bool { return f.health != nil },
		[]string{csipb.Controller_ControllerGetVolumeHealth_FullMethodName}},
	{csipb.ControllerServiceCapability_RPC_LIST_VOLUME_HEALTH,
		func(f *features) bool { return f.healthLister != nil },
		[]string{csipb.Controller_ControllerListVolumeHealth_FullMethodName}},
}

var groupOffers = []offer[groupCapability]{
	{csipb.GroupControllerServiceCapability_RPC_CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT,
		func(f *features) bool { return f.groups != nil },
		[]string{csipb.GroupController_CreateVolumeGroupSnapshot_FullMethodName, csipb.GroupController_DeleteVolumeGroupSnapshot_FullMethodName,
			csipb.GroupController_GetVolumeGroupSnapshot_FullMethodName, csipb.GroupController_GroupControllerGetCapabilities_FullMethodName}},
}

var nodeOffers = []offer[nodeCapability]{
	{csipb.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		(*features).stages,
		[]string{csipb.Node_NodeStageVolume_FullMethodName, csipb.Node_NodeUnstageVolume_FullMethodName}},
	{csipb.NodeServiceCapability_RPC_GET_VOLUME_STATS, always,
		[]string{csipb.Node_NodeGetVolumeStats_FullMethodName}},
	{csipb.NodeServiceCapability_RPC_EXPAND_VOLUME,
		(*features).expands,
		[]string{csipb.Node_NodeExpandVolume_FullMethodName}},
	{csipb.NodeServiceCapability_RPC_VOLUME_MOUNT_GROUP,
		func(f *features) bool { return f.traits.MountGroup }, nil},
	{csipb.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER, always, nil},
	{csipb.NodeServiceCapability_RPC_GET_VOLUME_HEALTH, always,
		[]string{csipb.Node_NodeGetVolumeHealth_FullMethodName}},
}

// stages reports whether volumes are staged before they are published.
func (f *features) stages() bool { return !f.traits.PerPod }

// expands reports whether volumes can grow at all.
func (f *features) expands() bool { return f.expander != nil || f.nodeExpander != nil }

func (f *features) controllerCapabilities() []controllerCapability {
	return offeredBy(f, controllerOffers)
}

func (f *features) nodeCapabilities() []nodeCapability { return offeredBy(f, nodeOffers) }

func offeredBy[C any](f *features, offers []offer[C]) []C {
	var out []C
	for _, o := range offers {
		if o.offered(f) {
			out = append(out, o.capability)
		}
	}
	return out
}

// gates maps each RPC that depends on a capability to its condition.
var gates = makeGates()

func makeGates() map[string]func(*features) bool {
	out := map[string]func(*features) bool{}
	gateBy(out, controllerOffers)
	gateBy(out, groupOffers)
	gateBy(out, nodeOffers)
	return out
}

func gateBy[C any](out map[string]func(*features) bool, offers []offer[C]) {
	for _, o := range offers {
		for _, rpc := range o.rpcs {
			out[rpc] = o.offered
		}
	}
}
