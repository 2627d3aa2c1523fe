package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

type (
	controllerCapability = csipb.ControllerServiceCapability_RPC_Type
	nodeCapability       = csipb.NodeServiceCapability_RPC_Type
	serviceCapability    = csipb.PluginCapability_Service_Type
	expansionCapability  = csipb.PluginCapability_VolumeExpansion_Type
)

func controllerCapabilitiesToProto(list []controllerCapability) []*csipb.ControllerServiceCapability {
	out := make([]*csipb.ControllerServiceCapability, 0, len(list))
	for _, t := range list {
		out = append(out, &csipb.ControllerServiceCapability{Type: &csipb.ControllerServiceCapability_Rpc{
			Rpc: &csipb.ControllerServiceCapability_RPC{Type: t}}})
	}
	return out
}

func nodeCapabilitiesToProto(list []nodeCapability) []*csipb.NodeServiceCapability {
	out := make([]*csipb.NodeServiceCapability, 0, len(list))
	for _, t := range list {
		out = append(out, &csipb.NodeServiceCapability{Type: &csipb.NodeServiceCapability_Rpc{
			Rpc: &csipb.NodeServiceCapability_RPC{Type: t}}})
	}
	return out
}

func serviceToProto(t serviceCapability) *csipb.PluginCapability {
	return &csipb.PluginCapability{Type: &csipb.PluginCapability_Service_{
		Service: &csipb.PluginCapability_Service{Type: t}}}
}

func expansionToProto(t expansionCapability) *csipb.PluginCapability {
	return &csipb.PluginCapability{Type: &csipb.PluginCapability_VolumeExpansion_{
		VolumeExpansion: &csipb.PluginCapability_VolumeExpansion{Type: t}}}
}
