package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/page"
)

// controllerServer serves the Controller service, one file per RPC. Requests
// have passed validate. Each handler converts its request, runs one operation
// (or, if it only reads, none), and converts the result.
type controllerServer struct {
	csipb.UnimplementedControllerServer
	d         *Driver
	volumes   page.Pager[*Volume]
	snapshots page.Pager[*Snapshot]
	unhealthy page.Pager[unhealthy]
}

// ControllerGetCapabilities implements csipb.ControllerServer.
func (s *controllerServer) ControllerGetCapabilities(context.Context, *csipb.ControllerGetCapabilitiesRequest) (*csipb.ControllerGetCapabilitiesResponse, error) {
	return &csipb.ControllerGetCapabilitiesResponse{
		Capabilities: controllerCapabilitiesToProto(s.d.features.controllerCapabilities()),
	}, nil
}
