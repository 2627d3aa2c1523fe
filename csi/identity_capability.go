package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

// pluginCapabilities are what GetPluginCapabilities advertises.
func (f *features) pluginCapabilities() []*csipb.PluginCapability {
	var out []*csipb.PluginCapability
	for _, o := range serviceOffers {
		if o.offered(f) {
			out = append(out, serviceToProto(o.capability))
		}
	}
	if f.expands() {
		out = append(out, expansionToProto(f.expansion()))
	}
	return out
}

var serviceOffers = []offer[serviceCapability]{
	{csipb.PluginCapability_Service_CONTROLLER_SERVICE, (*features).controls, nil},
	{csipb.PluginCapability_Service_GROUP_CONTROLLER_SERVICE, func(f *features) bool { return f.groups != nil }, nil},
	{csipb.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS,
		func(f *features) bool { return len(f.traits.TopologyKeys) > 0 }, nil},
	{csipb.PluginCapability_Service_SNAPSHOT_ACCESSIBILITY_CONSTRAINTS,
		func(f *features) bool { return f.traits.SnapshotTopology }, nil},
}

// controls reports whether there is anything that the controller service can
// do.
func (f *features) controls() bool {
	return f.provisioner != nil || f.attacher != nil || f.expander != nil || f.modifier != nil ||
		f.snapshotter != nil || f.volumeLister != nil || f.snapshotLister != nil || f.capacity != nil
}

func (f *features) expansion() expansionCapability {
	if f.traits.OfflineExpansion {
		return csipb.PluginCapability_VolumeExpansion_OFFLINE
	}
	return csipb.PluginCapability_VolumeExpansion_ONLINE
}
