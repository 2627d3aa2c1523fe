package csitest

import (
	"maps"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var modifyChecks = []check{
	{"Rule7/Modifies", "ControllerModifyVolume applies the parameters, and again (spec.md, ControllerModifyVolume)", []need{provisions, modifies, mutable}, modifyApplies},
	{"Rule7/AllOrNothing", "a bad parameter among good ones is INVALID_ARGUMENT with nothing applied (external-resizer pkg/modifycontroller/modify_volume.go)", []need{provisions, modifies, mutable}, modifyAllOrNothing},
	{"Rule7/VolumeUnknown", "modifying an unknown volume is NOT_FOUND, without an id INVALID_ARGUMENT (spec.md, ControllerModifyVolume)", []need{provisions, modifies, mutable}, modifyUnknown},
	{"Rule7/MutableWins", "mutable_parameters win over parameters at creation (spec.md, CreateVolume)", []need{provisions, modifies, mutable}, mutableWins},
}

func (v *volume) modifyRequest(parameters map[string]string) *csipb.ControllerModifyVolumeRequest {
	return &csipb.ControllerModifyVolumeRequest{VolumeId: v.GetVolumeId(), MutableParameters: parameters, Secrets: v.s.h.secrets()}
}

// wantParameters checks what the harness says of the volume.
func (v *volume) wantParameters(want map[string]string) {
	v.s.Helper()
	if v.s.h.Modified == nil {
		return
	}
	have := v.s.h.Modified(v.GetVolumeId())
	for key, value := range want {
		if have[key] != value {
			v.s.Errorf("parameter %s is %q, want %q", key, have[key], value)
		}
	}
}

func modifyApplies(s *session) {
	v := s.create()
	for range 2 {
		_, err := s.controller.ControllerModifyVolume(s.ctx(), v.modifyRequest(s.h.Mutable))
		s.must("ControllerModifyVolume", err)
		v.wantParameters(s.h.Mutable)
	}
}

func modifyAllOrNothing(s *session) {
	v := s.create()
	before := map[string]string{}
	if s.h.Modified != nil {
		before = s.h.Modified(v.GetVolumeId())
	}
	for _, bad := range []map[string]string{s.h.BadMutable, {"csitest/no-such-key": "1"}} {
		mixed := maps.Clone(s.h.Mutable)
		maps.Copy(mixed, bad)
		_, err := s.controller.ControllerModifyVolume(s.ctx(), v.modifyRequest(mixed))
		s.wantCode("ControllerModifyVolume with a bad parameter", err, codes.InvalidArgument)
		v.wantParameters(before)
	}
}

func modifyUnknown(s *session) {
	v := s.create()
	v.delete()
	_, err := s.controller.ControllerModifyVolume(s.ctx(), v.modifyRequest(s.h.Mutable))
	s.wantCode("ControllerModifyVolume of a deleted volume", err, codes.NotFound)
	r := v.modifyRequest(s.h.Mutable)
	r.VolumeId = ""
	_, err = s.controller.ControllerModifyVolume(s.ctx(), r)
	s.wantCode("ControllerModifyVolume without an id", err, codes.InvalidArgument)
}

func mutableWins(s *session) {
	s.create(func(r *csipb.CreateVolumeRequest) { r.MutableParameters = s.h.Mutable }).wantParameters(s.h.Mutable)
}
