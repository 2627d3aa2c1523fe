package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// nodeServer serves the Node service. Each handler converts its request and
// runs one operation; how a volume is staged, published and undone is in the
// files stage_*.go, unstage.go, publish_*.go and unpublish.go.
type nodeServer struct {
	csipb.UnimplementedNodeServer
	d *Driver
}

// NodeGetCapabilities implements csipb.NodeServer.
func (s *nodeServer) NodeGetCapabilities(context.Context, *csipb.NodeGetCapabilitiesRequest) (*csipb.NodeGetCapabilitiesResponse, error) {
	return &csipb.NodeGetCapabilitiesResponse{
		Capabilities: nodeCapabilitiesToProto(s.d.features.nodeCapabilities()),
	}, nil
}
