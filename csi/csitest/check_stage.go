package csitest

import (
	"os"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var stageChecks = []check{
	{"Rule19/StageTwice", "NodeStageVolume again, identical, is OK and mounts nothing more, after a restart too (spec.md, NodeStageVolume)", []need{provisions, stages}, stageTwice},
	{"Rule19/OtherCapabilityExists", "staging again with another capability is ALREADY_EXISTS (spec.md, NodeStageVolume)", []need{provisions, stages, mountMode(csi.SingleNodeReaderOnly)}, stageOtherCapability},
	{"Rule19/Unsupported", "staging with a capability that is not offered is FAILED_PRECONDITION or INVALID_ARGUMENT (spec.md, NodeStageVolume)", []need{provisions, stages, refused}, stageUnsupported},
	{"Rule19/VolumeUnknown", "staging a volume that does not exist is NOT_FOUND (spec.md, NodeStageVolume)", []need{provisions, stages}, stageUnknown},
	{"Rule19/FieldsMissing", "a missing id, path or capability is INVALID_ARGUMENT (spec.md, NodeStageVolume)", []need{provisions, stages}, stageFieldsMissing},
	{"Rule19/EveryModeStages", "a volume of every access mode that Traits name is staged and published (csi.Traits)", []need{provisions, stages}, everyModeStages},
	{"Rule20/UnstageTwice", "NodeUnstageVolume of what is not staged is OK (spec.md, NodeUnstageVolume)", []need{provisions, stages}, unstageTwice},
	{"Rule20/UnstageNeverStaged", "NodeUnstageVolume of a volume or a path that never was is OK (spec.md, NodeUnstageVolume)", []need{stages}, unstageNeverStaged},
	{"Rule20/UnstageUnmounts", "after NodeUnstageVolume nothing is mounted at the staging path, and the volume can be staged again (spec.md, NodeUnstageVolume)", []need{provisions, stages}, unstageUnmounts},
	{"Rule20/FieldsMissing", "a missing id or path is INVALID_ARGUMENT (spec.md, NodeUnstageVolume)", []need{stages}, unstageFieldsMissing},
}

func stageTwice(s *session) {
	v := s.create().stage()
	before := s.mountsLeft()
	for _, again := range []func(){func() {}, s.restart} {
		again()
		v.stage()
		if after := s.mountsLeft(); len(after) != len(before) {
			s.Errorf("the mounts were %v, and after staging again %v", before, after)
		}
	}
}

// stageFails sends a stage request that must fail.
func (v *volume) stageFails(what string, edit func(*csipb.NodeStageVolumeRequest), want ...codes.Code) {
	v.s.Helper()
	_, err := v.s.node.NodeStageVolume(v.s.ctx(), v.stageRequest(edit))
	v.s.wantCode("NodeStageVolume "+what, err, want...)
}

func stageOtherCapability(s *session) {
	reader := s.capability(csi.SingleNodeReaderOnly)
	v := s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = append(r.VolumeCapabilities, reader) }).stage()
	v.stageFails("now read-only", func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = reader }, codes.AlreadyExists)
}

func stageUnsupported(s *session) {
	s.create().attach(s.nodeID).stageFails("with an access that is not offered", func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = s.refusedCapability()
	}, codes.FailedPrecondition, codes.InvalidArgument)
}

func stageUnknown(s *session) {
	v := s.create()
	v.delete()
	v.stageFails("of a deleted volume", func(*csipb.NodeStageVolumeRequest) {}, codes.NotFound)
}

func stageFieldsMissing(s *session) {
	v := s.create().attach(s.nodeID)
	for what, edit := range map[string]func(*csipb.NodeStageVolumeRequest){
		"without an id":        func(r *csipb.NodeStageVolumeRequest) { r.VolumeId = "" },
		"without a path":       func(r *csipb.NodeStageVolumeRequest) { r.StagingTargetPath = "" },
		"without a capability": func(r *csipb.NodeStageVolumeRequest) { r.VolumeCapability = nil },
		"with half of a capability": func(r *csipb.NodeStageVolumeRequest) {
			r.VolumeCapability = &csipb.VolumeCapability{AccessType: v.cap.GetAccessType()}
		},
	} {
		v.stageFails(what, edit, codes.InvalidArgument)
	}
}

func everyModeStages(s *session) {
	for _, mode := range s.validModes() {
		s.oneModeStages(s.capability(mode))
	}
	for _, mode := range s.offers.block {
		s.oneModeStages(asBlock(s.capability(mode)))
	}
}

func (s *session) oneModeStages(c *csipb.VolumeCapability) {
	s.Helper()
	readOnly := csi.AccessMode(c.GetAccessMode().GetMode()).ReadOnly()
	v := s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = []*csipb.VolumeCapability{c} })
	if readOnly && s.h.Devices && c.GetBlock() == nil {
		v = s.formatted(c)
	}
	target := v.stage().publish("pod", func(r *csipb.NodePublishVolumeRequest) { r.Readonly = readOnly })
	if info := s.mounted(target); readOnly && c.GetBlock() == nil && !info.ReadOnly {
		s.Errorf("a volume of mode %v is published writable", c.GetAccessMode().GetMode())
	}
}

// formatted returns a volume that a writer has used before: a device for
// readers alone is never formatted.
func (s *session) formatted(readers *csipb.VolumeCapability) *volume {
	s.Helper()
	v := s.create(func(r *csipb.CreateVolumeRequest) { r.VolumeCapabilities = append(r.VolumeCapabilities, readers) }).stage()
	v.unstage()
	v.detach(s.nodeID)
	v.cap = readers
	return v
}

func unstageTwice(s *session) {
	v := s.create().attach(s.nodeID)
	v.unstage()
	v.stage()
	for range 3 {
		v.unstage()
	}
	s.restart()
	v.unstage()
}

func unstageNeverStaged(s *session) {
	for _, id := range []string{"csitest-unknown", "../x", "a/b"} {
		path := s.path("staging", "never", "globalmount")
		_, err := s.node.NodeUnstageVolume(s.ctx(), &csipb.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: path})
		s.wantCode("NodeUnstageVolume of the unknown volume "+id, err, codes.OK)
	}
}

func unstageUnmounts(s *session) {
	v := s.create()
	for range 2 {
		v.stage().unstage()
		if left := s.mountsLeft(); len(left) > 0 {
			s.Errorf("after NodeUnstageVolume there are the mounts %v", left)
		}
		if entries, err := os.ReadDir(v.staging()); err == nil && len(entries) > 0 {
			s.Errorf("NodeUnstageVolume left %v in the staging path", entries)
		}
	}
}

func unstageFieldsMissing(s *session) {
	for what, r := range map[string]*csipb.NodeUnstageVolumeRequest{
		"an id":  {StagingTargetPath: s.path("staging", "never")},
		"a path": {VolumeId: "csitest"},
	} {
		_, err := s.node.NodeUnstageVolume(s.ctx(), r)
		s.wantCode("NodeUnstageVolume without "+what, err, codes.InvalidArgument)
	}
}
