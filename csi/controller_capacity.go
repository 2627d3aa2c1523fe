package csi

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/wrapperspb"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// GetCapacity implements csipb.ControllerServer. For volumes that the driver
// cannot make there is no capacity.
func (s *controllerServer) GetCapacity(ctx context.Context, r *csipb.GetCapacityRequest) (*csipb.GetCapacityResponse, error) {
	access, err := accessesFromProto(r.GetVolumeCapabilities())
	if err != nil {
		return nil, err
	}
	q := CapacityQuery{Access: access, Parameters: backendKeys(r.GetParameters()), Topology: topologyFromProto(r.GetAccessibleTopology())}
	err = s.d.checkAccess(ctx, "", access, AccessQuery{Parameters: q.Parameters})
	if errors.Is(err, ErrInvalid) {
		return &csipb.GetCapacityResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := call(ctx, s.d, "Capacity", "", func(ctx context.Context) (Capacity, error) { return s.d.features.capacity.Capacity(ctx, q) })
	if err != nil {
		return nil, err
	}
	return capacityToProto(c), nil
}

func capacityToProto(c Capacity) *csipb.GetCapacityResponse {
	out := &csipb.GetCapacityResponse{AvailableCapacity: max(c.Available, 0)}
	if c.MaxVolume > 0 {
		out.MaximumVolumeSize = wrapperspb.Int64(c.MaxVolume)
	}
	if c.MinVolume > 0 {
		out.MinimumVolumeSize = wrapperspb.Int64(c.MinVolume)
	}
	return out
}
