package csitest

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var validateChecks = []check{
	{"Rule12/Supported", "ValidateVolumeCapabilities of what is supported confirms it (spec.md, ValidateVolumeCapabilities)", []need{provisions}, validateSupported},
	{"Rule12/UnsupportedIsNoError", "what is not supported is OK, without confirmed and with a message (spec.md, ValidateVolumeCapabilities)", []need{provisions, refused}, validateUnsupported},
	{"Rule12/VolumeUnknown", "an unknown volume is NOT_FOUND (spec.md, ValidateVolumeCapabilities)", []need{provisions}, validateUnknown},
	{"Rule12/FieldsMissing", "a missing id or missing capabilities are INVALID_ARGUMENT (spec.md, ValidateVolumeCapabilities)", []need{provisions}, validateFieldsMissing},
	{"Rule6/GetVolume", "ControllerGetVolume says what CreateVolume said; a volume that is gone is NOT_FOUND (spec.md, ControllerGetVolume)", []need{provisions, getsVolume}, getVolume},
	{"Rule6/VolumeHealth", "ControllerGetVolumeHealth knows each volume; one that is gone is NOT_FOUND (spec.md, ControllerGetVolumeHealth)", []need{provisions, tellsHealth}, volumeHealth},
	{"Rule3/Capacity", "GetCapacity is not negative, and as much as one volume when one can be made (spec.md, GetCapacity)", []need{provisions, tellsCapacity}, capacity},
	{"Rule5/CapacityNowhere", "GetCapacity of a topology that no node has is 0 (spec.md, GetCapacity)", []need{provisions, tellsCapacity, hasTopology}, capacityNowhere},
}

func (v *volume) validateRequest(caps ...*csipb.VolumeCapability) *csipb.ValidateVolumeCapabilitiesRequest {
	return &csipb.ValidateVolumeCapabilitiesRequest{
		VolumeId: v.GetVolumeId(), VolumeContext: v.GetVolumeContext(), VolumeCapabilities: caps,
		Parameters: v.request.GetParameters(), Secrets: v.s.h.secrets(),
	}
}

func validateSupported(s *session) {
	v := s.create()
	resp, err := s.controller.ValidateVolumeCapabilities(s.ctx(), v.validateRequest(v.cap))
	s.must("ValidateVolumeCapabilities", err)
	if caps := resp.GetConfirmed().GetVolumeCapabilities(); len(caps) != 1 || !proto.Equal(caps[0], v.cap) {
		s.Errorf("confirmed is %v, want %v; message: %s", resp.GetConfirmed(), v.cap, resp.GetMessage())
	}
}

func validateUnsupported(s *session) {
	v := s.create()
	resp, err := s.controller.ValidateVolumeCapabilities(s.ctx(), v.validateRequest(v.cap, s.refusedCapability()))
	s.must("ValidateVolumeCapabilities of an access that is not offered", err)
	if resp.GetConfirmed() != nil || resp.GetMessage() == "" {
		s.Errorf("confirmed is %v and the message %q, want none and a reason", resp.GetConfirmed(), resp.GetMessage())
	}
}

func validateUnknown(s *session) {
	v := s.create()
	v.delete()
	_, err := s.controller.ValidateVolumeCapabilities(s.ctx(), v.validateRequest(v.cap))
	s.wantCode("ValidateVolumeCapabilities of a deleted volume", err, codes.NotFound)
}

func validateFieldsMissing(s *session) {
	v := s.create()
	_, err := s.controller.ValidateVolumeCapabilities(s.ctx(), v.validateRequest())
	s.wantCode("ValidateVolumeCapabilities without capabilities", err, codes.InvalidArgument)
	_, err = s.controller.ValidateVolumeCapabilities(s.ctx(), &csipb.ValidateVolumeCapabilitiesRequest{VolumeCapabilities: []*csipb.VolumeCapability{v.cap}})
	s.wantCode("ValidateVolumeCapabilities without an id", err, codes.InvalidArgument)
}

func getVolume(s *session) {
	v := s.create()
	resp, err := s.controller.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: v.GetVolumeId()})
	s.must("ControllerGetVolume", err)
	if got := resp.GetVolume(); got.GetVolumeId() != v.GetVolumeId() || got.GetCapacityBytes() != v.GetCapacityBytes() {
		s.Errorf("ControllerGetVolume says %v, CreateVolume said %v", got, v.Volume)
	}
	v.delete()
	_, err = s.controller.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{VolumeId: v.GetVolumeId()})
	s.wantCode("ControllerGetVolume of a deleted volume", err, codes.NotFound)
	_, err = s.controller.ControllerGetVolume(s.ctx(), &csipb.ControllerGetVolumeRequest{})
	s.wantCode("ControllerGetVolume without an id", err, codes.InvalidArgument)
}

func volumeHealth(s *session) {
	v := s.create()
	ask := func(id string) (*csipb.ControllerGetVolumeHealthResponse, error) {
		return s.controller.ControllerGetVolumeHealth(s.ctx(), &csipb.ControllerGetVolumeHealthRequest{VolumeId: id, Secrets: s.h.secrets()})
	}
	resp, err := ask(v.GetVolumeId())
	s.must("ControllerGetVolumeHealth", err)
	if got := resp.GetVolumeHealth().GetVolumeId(); got != v.GetVolumeId() {
		s.Errorf("ControllerGetVolumeHealth of volume %s is about %q", v.GetVolumeId(), got)
	}
	v.delete()
	_, err = ask(v.GetVolumeId())
	s.wantCode("ControllerGetVolumeHealth of a deleted volume", err, codes.NotFound)
	_, err = ask("")
	s.wantCode("ControllerGetVolumeHealth without an id", err, codes.InvalidArgument)
}

// capacityOf asks for the capacity at a place.
func (s *session) capacityOf(place *csipb.Topology) *csipb.GetCapacityResponse {
	s.Helper()
	resp, err := s.controller.GetCapacity(s.ctx(), &csipb.GetCapacityRequest{
		VolumeCapabilities: []*csipb.VolumeCapability{s.capability(s.mode())},
		Parameters:         s.h.Parameters, AccessibleTopology: place,
	})
	s.must("GetCapacity", err)
	return resp
}

func capacity(s *session) {
	before := s.capacityOf(nil)
	if most := before.GetMaximumVolumeSize(); most != nil && most.GetValue() < s.h.size() {
		s.Errorf("maximum_volume_size is %d, but a volume of %d bytes is about to be made", most.GetValue(), s.h.size())
	}
	s.create()
	if before.GetAvailableCapacity() < s.h.size() {
		s.Errorf("available_capacity was %d, yet a volume of %d bytes was made", before.GetAvailableCapacity(), s.h.size())
	}
}

func capacityNowhere(s *session) {
	_, nowhere := s.here()
	if got := s.capacityOf(nowhere).GetAvailableCapacity(); got != 0 {
		s.Errorf("%d bytes are available in %v, where no node is", got, nowhere)
	}
}
