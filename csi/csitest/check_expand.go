package csitest

import (
	"math"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var expandChecks = []check{
	{"Rule17/Grows", "ControllerExpandVolume makes the volume as large as asked, and it stays so (spec.md, ControllerExpandVolume)", []need{provisions, expands}, grows},
	{"Rule17/LargeEnough", "a volume that is large enough is OK with its size, and never shrinks (spec.md, ControllerExpandVolume)", []need{provisions, expands}, largeEnough},
	{"Rule17/VolumeUnknown", "expanding an unknown volume is NOT_FOUND (spec.md, ControllerExpandVolume)", []need{provisions, expands}, expandUnknown},
	{"Rule17/RangeMissing", "a missing id or capacity_range is INVALID_ARGUMENT (spec.md, ControllerExpandVolume)", []need{provisions, expands}, expandWithoutRange},
	{"Rule17/Huge", "a size beyond all storage is OUT_OF_RANGE or RESOURCE_EXHAUSTED, and the volume keeps its size (spec.md, ControllerExpandVolume)", []need{provisions, expands}, expandHuge},
	{"Rule17/OnlineOrOffline", "a published volume grows, or is FAILED_PRECONDITION if expansion is OFFLINE (spec.md, ControllerExpandVolume)", []need{provisions, expands}, expandPublished},
}

func (v *volume) expandRequest(size int64) *csipb.ControllerExpandVolumeRequest {
	return &csipb.ControllerExpandVolumeRequest{
		VolumeId: v.GetVolumeId(), CapacityRange: &csipb.CapacityRange{RequiredBytes: size},
		VolumeCapability: v.cap, Secrets: v.s.h.secrets(),
	}
}

// expand grows the volume in the controller and, if that says so, on the node.
func (v *volume) expand(size int64) *csipb.ControllerExpandVolumeResponse {
	v.s.Helper()
	resp, err := v.s.controller.ControllerExpandVolume(v.s.ctx(), v.expandRequest(size))
	v.s.must("ControllerExpandVolume", err)
	if resp.GetCapacityBytes() < size {
		v.s.Errorf("asked for %d bytes, the volume has %d", size, resp.GetCapacityBytes())
	}
	return resp
}

func grows(s *session) {
	v := s.create()
	size := v.expand(2 * s.h.size()).GetCapacityBytes()
	s.restart()
	if again := v.expand(2 * s.h.size()).GetCapacityBytes(); again != size {
		s.Errorf("the volume grew to %d bytes and then has %d", size, again)
	}
	_, err := s.controller.CreateVolume(s.ctx(), edited(v.request, func(r *csipb.CreateVolumeRequest) {
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: size}
	}))
	s.wantCode("CreateVolume of the same name with the size that it has grown to", err, codes.OK)
}

func largeEnough(s *session) {
	v := s.create()
	for _, size := range []int64{1, s.h.size() / 2, s.h.size()} {
		if got := v.expand(size).GetCapacityBytes(); got != v.GetCapacityBytes() {
			s.Errorf("a volume of %d bytes, asked to have %d, has %d", v.GetCapacityBytes(), size, got)
		}
	}
}

func expandUnknown(s *session) {
	v := s.create()
	v.delete()
	_, err := s.controller.ControllerExpandVolume(s.ctx(), v.expandRequest(s.h.size()))
	s.wantCode("ControllerExpandVolume of a deleted volume", err, codes.NotFound)
}

func expandWithoutRange(s *session) {
	v := s.create()
	r := v.expandRequest(s.h.size())
	r.CapacityRange = nil
	_, err := s.controller.ControllerExpandVolume(s.ctx(), r)
	s.wantCode("ControllerExpandVolume without a range", err, codes.InvalidArgument)
	r = v.expandRequest(s.h.size())
	r.VolumeId = ""
	_, err = s.controller.ControllerExpandVolume(s.ctx(), r)
	s.wantCode("ControllerExpandVolume without an id", err, codes.InvalidArgument)
}

func expandHuge(s *session) {
	v := s.create()
	_, err := s.controller.ControllerExpandVolume(s.ctx(), v.expandRequest(math.MaxInt64-1))
	s.wantCode("ControllerExpandVolume to a huge size", err, codes.OutOfRange, codes.ResourceExhausted)
	if got := v.expand(1).GetCapacityBytes(); got != v.GetCapacityBytes() {
		s.Errorf("the volume had %d bytes and, after the refusal, %d", v.GetCapacityBytes(), got)
	}
}

func expandPublished(s *session) {
	v := s.create().stage()
	v.publish("pod")
	_, err := s.controller.ControllerExpandVolume(s.ctx(), v.expandRequest(2*s.h.size()))
	if s.offers.expansion == csipb.PluginCapability_VolumeExpansion_OFFLINE {
		s.wantCode("ControllerExpandVolume of a published volume", err, codes.FailedPrecondition)
		return
	}
	s.wantCode("ControllerExpandVolume of a published volume", err, codes.OK)
}
