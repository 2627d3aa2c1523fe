package csi

import (
	"context"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

// ValidateVolumeCapabilities implements csipb.ControllerServer. What is not
// supported is no error: nothing is confirmed, and the message says why.
func (s *controllerServer) ValidateVolumeCapabilities(ctx context.Context, r *csipb.ValidateVolumeCapabilitiesRequest) (*csipb.ValidateVolumeCapabilitiesResponse, error) {
	err := s.d.confirm(ctx, r)
	if errors.Is(err, ErrInvalid) {
		return &csipb.ValidateVolumeCapabilitiesResponse{Message: clip(err.Error(), speccheck.MaxString)}, nil
	}
	if err != nil {
		return nil, err
	}
	confirmed := &csipb.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext:      r.GetVolumeContext(),
		VolumeCapabilities: r.GetVolumeCapabilities(),
	}
	if s.d.features.access != nil { // else nobody has looked at them
		confirmed.Parameters, confirmed.MutableParameters = r.GetParameters(), r.GetMutableParameters()
	}
	return &csipb.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}, nil
}

// confirm returns nil if the volume exists and can be used as asked, and an
// error that wraps [ErrInvalid] if it exists and cannot.
func (d *Driver) confirm(ctx context.Context, r *csipb.ValidateVolumeCapabilitiesRequest) error {
	q := AccessQuery{Parameters: backendKeys(r.GetParameters()), Mutable: backendKeys(r.GetMutableParameters())}
	ref := VolumeRef{ID: r.GetVolumeId(), Context: backendKeys(r.GetVolumeContext()), Secrets: secretsFromProto(r.GetSecrets())}
	if d.features.provisioner != nil {
		v, err := d.volume(ctx, ref)
		if err != nil {
			return notInvalid(err)
		}
		if ref.Context != nil && !maps.Equal(ref.Context, v.Context) {
			return refuse(ErrInvalid, "volume_context is not the one of this volume")
		}
		q.Volume = v
	}
	list, err := accessesFromProto(r.GetVolumeCapabilities())
	if err != nil {
		return err
	}
	return d.checkAccess(ctx, ref.ID, list, q)
}

// notInvalid keeps the backend's word on the volume itself from being taken for
// one on its capabilities: an id that cannot be one names no volume.
func notInvalid(err error) error {
	if errors.Is(err, ErrInvalid) {
		return refuse(ErrNotFound, "%v", err)
	}
	return err
}

// clip shortens s to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "..."
	s = s[:n-len(more)]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return strings.TrimSpace(s) + more
}
