package csitest

import (
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var createChecks = []check{
	{"Rule1/SameNameSameVolume", "CreateVolume of a name that exists, compatible, is OK with the same full response (spec.md, CreateVolume)", []need{provisions}, sameNameSameVolume},
	{"Rule1/SameVolumeAfterRestart", "CreateVolume finds the volume of a name after a restart of the driver (spec.md, CreateVolume)", []need{provisions}, sameVolumeAfterRestart},
	{"Rule1/SizeIsARange", "a volume within the range is compatible: existing >= required and <= limit, not equal (spec.md, CreateVolume)", []need{provisions}, sizeIsARange},
	{"Rule1/OtherSizeExists", "a volume of the name that is too small or too large is ALREADY_EXISTS (spec.md, CreateVolume)", []need{provisions}, otherSizeExists},
	{"Rule1/OtherNameOtherVolume", "volumes of two names are two volumes (spec.md, CreateVolume)", []need{provisions}, otherNameOtherVolume},
	{"Rule2/NameMissing", "a missing name is INVALID_ARGUMENT (spec.md, CreateVolume)", []need{provisions}, nameMissing},
	{"Rule2/CapabilitiesMissing", "missing or incomplete capabilities are INVALID_ARGUMENT (spec.md, CreateVolume)", []need{provisions}, capabilitiesMissing},
	{"Rule2/AllCapabilitiesMustHold", "one capability that cannot be had among good ones is INVALID_ARGUMENT (spec.md, CreateVolume)", []need{provisions, refused}, allCapabilitiesMustHold},
	{"Rule2/EveryModeWorks", "a volume of every access mode that Traits name can be created (csi.Traits)", []need{provisions}, everyModeWorks},
	{"Rule3/NoRange", "capacity_range is optional (spec.md, CreateVolume)", []need{provisions}, noRange},
	{"Rule3/NotARange", "a range that is negative, all zero or upside down is INVALID_ARGUMENT or OUT_OF_RANGE (spec.md, CapacityRange)", []need{provisions}, notARange},
	{"Rule3/Huge", "a size beyond all storage is OUT_OF_RANGE or RESOURCE_EXHAUSTED, without overflow (spec.md, CreateVolume)", []need{provisions}, huge},
	{"Rule3/OneByte", "a tiny size without a limit is rounded up to the smallest volume (spec.md, CreateVolume; digitalocean/csi-digitalocean#435)", []need{provisions}, oneByte},
	{"Rule3/LimitBelowMinimum", "a limit below the smallest volume is OUT_OF_RANGE, or a volume within it (spec.md, CapacityRange)", []need{provisions}, limitBelowMinimum},
	{"Rule6/NeverSmallerThanAsked", "capacity_bytes below what was asked makes the provisioner delete the volume (external-provisioner pkg/controller/controller.go)", []need{provisions}, neverSmallerThanAsked},
	{"Rule39/KubernetesKeysPass", "the CO's keys csi.storage.k8s.io/* are let through a strict check of parameters (external-provisioner --extra-create-metadata)", []need{provisions}, kubernetesKeysPass},
}

// refused is met if there is an access that the driver does not offer.
var refused = need{"an access that the driver does not offer", func(s *session) bool { return s.refusedCapability() != nil }}

// refusedCapability returns a capability that the driver must refuse.
func (s *session) refusedCapability() *csipb.VolumeCapability {
	if len(s.offers.block) == 0 {
		return asBlock(s.capability(csi.SingleNodeWriter))
	}
	if s.sharedMode() == 0 {
		return s.capability(csi.MultiNodeMultiWriter)
	}
	if len(s.offers.mount) == 0 {
		c := s.capability(s.mode())
		c.AccessType = &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}}
		return c
	}
	return nil
}

func sameNameSameVolume(s *session) {
	r := s.createRequest()
	first, err := s.controller.CreateVolume(s.ctx(), r)
	s.must("CreateVolume", err)
	s.adopt(r, first)
	for range 2 {
		again, err := s.controller.CreateVolume(s.ctx(), r)
		s.must("CreateVolume again", err)
		s.adopt(r, again)
		if !proto.Equal(first, again) {
			s.Errorf("the first answer was %v, the second %v", first, again)
		}
	}
}

func sameVolumeAfterRestart(s *session) {
	v := s.create()
	s.restart()
	resp, err := s.controller.CreateVolume(s.ctx(), v.request)
	s.must("CreateVolume again", err)
	s.adopt(v.request, resp)
	if !proto.Equal(resp.GetVolume(), v.Volume) {
		s.Errorf("before the restart the volume was %v, after it %v", v.Volume, resp.GetVolume())
	}
}

// needSize skips drivers whose volumes have no size of their own, such as
// directories of a share: the spec lets them answer 0, unknown.
func (v *volume) needSize() (size int64) {
	if size = v.GetCapacityBytes(); size == 0 {
		v.s.Skipf("needs a driver that knows the capacity of its volumes")
	}
	return size
}

func sizeIsARange(s *session) {
	v := s.create()
	size := v.needSize()
	for _, r := range []*csipb.CapacityRange{
		{RequiredBytes: size - 1}, {RequiredBytes: 1, LimitBytes: size}, {RequiredBytes: size, LimitBytes: size}, {LimitBytes: size + 1}, nil,
	} {
		request := proto.CloneOf(v.request)
		request.CapacityRange = r
		resp, err := s.controller.CreateVolume(s.ctx(), request)
		s.must("CreateVolume of the same name with the range "+r.String(), err)
		s.adopt(request, resp)
		if resp.GetVolume().GetVolumeId() != v.GetVolumeId() {
			s.Errorf("range %v made volume %s, there was %s", r, resp.GetVolume().GetVolumeId(), v.GetVolumeId())
		}
	}
}

func otherSizeExists(s *session) {
	v := s.create()
	size := v.needSize()
	for _, r := range []*csipb.CapacityRange{{RequiredBytes: size + 1}, {RequiredBytes: size * 2}, {LimitBytes: size - 1}} {
		request := proto.CloneOf(v.request)
		request.CapacityRange = r
		resp, err := s.controller.CreateVolume(s.ctx(), request)
		s.wantCode("CreateVolume of the same name with the range "+r.String(), err, codes.AlreadyExists)
		if err == nil {
			s.adopt(request, resp)
		}
	}
}

func otherNameOtherVolume(s *session) {
	if a, b := s.create(), s.create(); a.GetVolumeId() == b.GetVolumeId() {
		s.Errorf("the names %s and %s got the same volume %s", a.request.GetName(), b.request.GetName(), a.GetVolumeId())
	}
}

// refuses sends a create request that must fail with one of the codes.
func (s *session) refuses(what string, edit func(*csipb.CreateVolumeRequest), want ...codes.Code) {
	s.Helper()
	r := s.createRequest(edit)
	resp, err := s.controller.CreateVolume(s.ctx(), r)
	s.wantCode("CreateVolume with "+what, err, want...)
	if err == nil {
		s.adopt(s.createRequest(), resp)
	}
}

func nameMissing(s *session) {
	s.refuses("no name", func(r *csipb.CreateVolumeRequest) { r.Name = "" }, codes.InvalidArgument)
}

func capabilitiesMissing(s *session) {
	good := s.capability(s.mode())
	for what, caps := range map[string][]*csipb.VolumeCapability{
		"no capabilities":           nil,
		"an empty capability":       {{}},
		"a capability without mode": {{AccessType: good.GetAccessType()}},
		"a capability without type": {{AccessMode: good.GetAccessMode()}},
		"an unknown mode":           {{AccessType: good.GetAccessType(), AccessMode: &csipb.VolumeCapability_AccessMode{}}},
	} {
		s.refuses(what, func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = caps }, codes.InvalidArgument)
	}
}

func allCapabilitiesMustHold(s *session) {
	s.refuses("a capability that is not offered", func(r *csipb.CreateVolumeRequest) {
		r.VolumeCapabilities = append(r.VolumeCapabilities, s.refusedCapability())
	}, codes.InvalidArgument)
}

func everyModeWorks(s *session) {
	for _, mode := range s.offers.mount {
		c := s.capability(mode)
		c.AccessType = &csipb.VolumeCapability_Mount{Mount: &csipb.VolumeCapability_MountVolume{}}
		s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = []*csipb.VolumeCapability{c} })
	}
	for _, mode := range s.offers.block {
		s.create(func(r *csipb.CreateVolumeRequest) {
			r.VolumeCapabilities = []*csipb.VolumeCapability{asBlock(s.capability(mode))}
		})
	}
}

func noRange(s *session) {
	s.create(func(r *csipb.CreateVolumeRequest) { r.CapacityRange = nil })
}

func notARange(s *session) {
	for what, c := range map[string]*csipb.CapacityRange{
		"an empty range":         {},
		"a negative size":        {RequiredBytes: -1},
		"a negative limit":       {RequiredBytes: s.h.size(), LimitBytes: -1},
		"a limit below the size": {RequiredBytes: s.h.size(), LimitBytes: s.h.size() - 1},
	} {
		s.refuses(what, func(r *csipb.CreateVolumeRequest) { r.CapacityRange = c }, codes.InvalidArgument, codes.OutOfRange)
	}
}

func huge(s *session) {
	s.create().needSize()
	for _, size := range []int64{math.MaxInt64, math.MaxInt64 - 4096, 1 << 62} {
		s.refuses("a huge size", func(r *csipb.CreateVolumeRequest) {
			r.CapacityRange = &csipb.CapacityRange{RequiredBytes: size}
		}, codes.OutOfRange, codes.ResourceExhausted)
	}
}

func oneByte(s *session) {
	s.create(func(r *csipb.CreateVolumeRequest) { r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 1} })
}

func limitBelowMinimum(s *session) {
	r := s.createRequest(func(r *csipb.CreateVolumeRequest) { r.CapacityRange = &csipb.CapacityRange{LimitBytes: 1} })
	resp, err := s.controller.CreateVolume(s.ctx(), r)
	s.wantCode("CreateVolume with a limit of one byte", err, codes.OK, codes.OutOfRange)
	if err != nil {
		return
	}
	if v := s.adopt(r, resp); v.GetCapacityBytes() > 1 {
		s.Errorf("the limit was one byte, the volume has %d", v.GetCapacityBytes())
	}
}

func neverSmallerThanAsked(s *session) {
	for _, required := range []int64{s.h.size() - 1, s.h.size(), s.h.size() + 1} {
		v := s.create(func(r *csipb.CreateVolumeRequest) { r.CapacityRange = &csipb.CapacityRange{RequiredBytes: required} })
		if got := v.GetCapacityBytes(); got != 0 && got < required {
			s.Errorf("asked for %d bytes, got a volume of %d", required, got)
		}
	}
}

func kubernetesKeysPass(s *session) {
	s.create(func(r *csipb.CreateVolumeRequest) {
		if r.Parameters == nil {
			r.Parameters = map[string]string{}
		}
		for _, key := range []string{"pvc/name", "pvc/namespace", "pv/name"} {
			r.Parameters["csi.storage.k8s.io/"+key] = "csitest"
		}
	})
}
