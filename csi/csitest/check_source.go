package csitest

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var sourceChecks = []check{
	{"Rule4/RestoreSaysItsSource", "a restored volume echoes volume_content_source, at once and on retry, else the provisioner deletes it (external-provisioner pkg/controller/controller.go)", []need{provisions, snapshots}, restoreSaysItsSource},
	{"Rule4/CloneSaysItsSource", "a cloned volume echoes volume_content_source, at once and on retry (spec.md, CreateVolume)", []need{provisions, clones}, cloneSaysItsSource},
	{"Rule4/SnapshotMissing", "a snapshot that does not exist is NOT_FOUND (spec.md, CreateVolume)", []need{provisions, snapshots}, snapshotMissing},
	{"Rule4/VolumeMissing", "a source volume that does not exist is NOT_FOUND (spec.md, CreateVolume)", []need{provisions, clones}, volumeMissing},
	{"Rule4/RestoreTooSmall", "a volume smaller than its snapshot is OUT_OF_RANGE (spec.md, CreateVolume)", []need{provisions, snapshots}, restoreTooSmall},
	{"Rule4/CloneTooSmall", "a volume smaller than its source is OUT_OF_RANGE (spec.md, CreateVolume)", []need{provisions, clones}, cloneTooSmall},
	{"Rule4/RestoreLarger", "a volume may be larger than its snapshot (spec.md, CreateVolume)", []need{provisions, snapshots}, restoreLarger},
	{"Rule4/SnapshotGoneSince", "a retry finds the volume although the snapshot is gone by now: NOT_FOUND is final, and would orphan it (external-provisioner pkg/controller/controller.go)", []need{provisions, snapshots}, snapshotGoneSince},
	{"Rule4/VolumeGoneSince", "a retry finds the clone although its source is gone by now (external-provisioner pkg/controller/controller.go)", []need{provisions, clones}, volumeGoneSince},
	{"Rule4/SourceUnsupported", "a source that the driver does not support is INVALID_ARGUMENT (spec.md, CreateVolume)", []need{provisions}, sourceUnsupported},
	{"Rule1/OtherSourceExists", "a volume of the name with another source is ALREADY_EXISTS (spec.md, CreateVolume)", []need{provisions, snapshots}, otherSourceExists},
}

// saysItsSource makes a volume from a source twice.
func (s *session) saysItsSource(edit func(*csipb.CreateVolumeRequest)) {
	s.Helper()
	v := s.create(edit)
	again, err := s.controller.CreateVolume(s.ctx(), v.request)
	s.must("CreateVolume again", err)
	s.adopt(v.request, again)
	for _, got := range []*csipb.Volume{v.Volume, again.GetVolume()} {
		if !proto.Equal(got.GetContentSource(), v.request.GetVolumeContentSource()) {
			s.Errorf("volume %s says that its source is %v, want %v", got.GetVolumeId(), got.GetContentSource(), v.request.GetVolumeContentSource())
		}
	}
	if again.GetVolume().GetVolumeId() != v.GetVolumeId() {
		s.Errorf("a retry made volume %s beside %s", again.GetVolume().GetVolumeId(), v.GetVolumeId())
	}
}

func restoreSaysItsSource(s *session) {
	s.saysItsSource(fromSnapshot(s.create().snapshot().GetSnapshotId()))
}

func cloneSaysItsSource(s *session) { s.saysItsSource(fromVolume(s.create().GetVolumeId())) }

func snapshotMissing(s *session) {
	n := s.create().snapshot()
	n.remove()
	s.refuses("a snapshot that is gone", fromSnapshot(n.GetSnapshotId()), codes.NotFound)
}

func volumeMissing(s *session) {
	v := s.create()
	v.delete()
	s.refuses("a source volume that is gone", fromVolume(v.GetVolumeId()), codes.NotFound)
}

// foundAgain retries a create whose answer was lost.
func (v *volume) foundAgain() {
	v.s.Helper()
	again, err := v.s.controller.CreateVolume(v.s.ctx(), v.request)
	v.s.must("CreateVolume again, after its source was deleted", err)
	v.s.adopt(v.request, again)
	if got := again.GetVolume().GetVolumeId(); got != v.GetVolumeId() {
		v.s.Errorf("a retry made volume %s beside %s", got, v.GetVolumeId())
	}
}

func snapshotGoneSince(s *session) {
	n := s.create().snapshot()
	v := s.create(fromSnapshot(n.GetSnapshotId()))
	n.remove()
	v.foundAgain()
}

func volumeGoneSince(s *session) {
	source := s.create()
	v := s.create(fromVolume(source.GetVolumeId()))
	source.delete()
	v.foundAgain()
}

// tooSmall makes a range out of which the source does not fit.
func tooSmall(source func(*csipb.CreateVolumeRequest), size int64) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		source(r)
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 1, LimitBytes: size - 1}
	}
}

func restoreTooSmall(s *session) {
	n := s.create().snapshot()
	if n.GetSizeBytes() == 0 {
		s.Skipf("needs snapshots that know their size")
	}
	s.refuses("a limit below the snapshot's size", tooSmall(fromSnapshot(n.GetSnapshotId()), n.GetSizeBytes()), codes.OutOfRange)
}

func cloneTooSmall(s *session) {
	v := s.create()
	s.refuses("a limit below the source's size", tooSmall(fromVolume(v.GetVolumeId()), v.GetCapacityBytes()), codes.OutOfRange)
}

func restoreLarger(s *session) {
	n := s.create().snapshot()
	v := s.create(fromSnapshot(n.GetSnapshotId()), func(r *csipb.CreateVolumeRequest) {
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 2 * s.h.size()}
	})
	if got := v.GetCapacityBytes(); got < 2*s.h.size() {
		s.Errorf("asked for %d bytes, got %d", 2*s.h.size(), got)
	}
}

func sourceUnsupported(s *session) {
	s.stop()
	s.start(func(o *csi.Options) {
		o.Disable = append(o.Disable, "Snapshotter", "GroupSnapshotter", "SnapshotLister", "Cloner")
	})
	s.refuses("a snapshot where none are supported", fromSnapshot("csitest"), codes.InvalidArgument)
	s.refuses("a source volume where clones are not supported", fromVolume("csitest"), codes.InvalidArgument)
	s.restart()
}

func otherSourceExists(s *session) {
	plain := s.create()
	n := plain.snapshot()
	restored := s.create(fromSnapshot(n.GetSnapshotId()))
	other := s.create().snapshot()
	for what, r := range map[string]*csipb.CreateVolumeRequest{
		"a source, and exists without":   edited(plain.request, fromSnapshot(n.GetSnapshotId())),
		"another snapshot as its source": edited(restored.request, fromSnapshot(other.GetSnapshotId())),
		"no source, and exists with one": edited(restored.request, func(r *csipb.CreateVolumeRequest) { r.VolumeContentSource = nil }),
	} {
		resp, err := s.controller.CreateVolume(s.ctx(), r)
		s.wantCode("CreateVolume of a name with "+what, err, codes.AlreadyExists)
		if err == nil {
			s.adopt(r, resp)
		}
	}
}

// edited is a changed copy of a request.
func edited(r *csipb.CreateVolumeRequest, edit func(*csipb.CreateVolumeRequest)) *csipb.CreateVolumeRequest {
	c := proto.CloneOf(r)
	edit(c)
	return c
}
