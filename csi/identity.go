package csi

import (
	"context"
	"errors"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// An identityServer answers the same on every instance of a driver, whatever
// services it serves (spec, GetPluginCapabilities).
type identityServer struct {
	csipb.UnimplementedIdentityServer
	d *Driver
}

// GetPluginInfo implements [csipb.IdentityServer].
func (s *identityServer) GetPluginInfo(context.Context, *csipb.GetPluginInfoRequest) (*csipb.GetPluginInfoResponse, error) {
	return &csipb.GetPluginInfoResponse{Name: s.d.name, VendorVersion: s.d.opts.Version}, nil
}

// GetPluginCapabilities implements [csipb.IdentityServer].
func (s *identityServer) GetPluginCapabilities(context.Context, *csipb.GetPluginCapabilitiesRequest) (*csipb.GetPluginCapabilitiesResponse, error) {
	return &csipb.GetPluginCapabilitiesResponse{Capabilities: s.d.features.pluginCapabilities()}, nil
}

// Probe implements [csipb.IdentityServer].
func (s *identityServer) Probe(ctx context.Context, _ *csipb.ProbeRequest) (*csipb.ProbeResponse, error) {
	err := s.d.probe(ctx)
	if err != nil && !errors.Is(err, ErrPending) {
		// Whatever the backend's error says elsewhere, here it is this code
		// (spec, Probe).
		return nil, status.Error(codes.FailedPrecondition, "not healthy: "+hide(ctx, err.Error()))
	}
	return &csipb.ProbeResponse{Ready: wrapperspb.Bool(err == nil)}, nil
}
