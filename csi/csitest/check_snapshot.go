package csitest

import (
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var snapshotChecks = []check{
	{"Rule15/SameNameSameSnapshot", "CreateSnapshot of a name that exists, of the same volume, is the same snapshot, after a restart too (spec.md, CreateSnapshot)", []need{provisions, snapshots}, sameSnapshot},
	{"Rule15/OtherVolumeExists", "a snapshot of the name of another volume is ALREADY_EXISTS (spec.md, CreateSnapshot)", []need{provisions, snapshots}, snapshotOtherVolume},
	{"Rule15/OtherNameOtherSnapshot", "snapshots of two names are two snapshots (spec.md, CreateSnapshot)", []need{provisions, snapshots}, otherSnapshot},
	{"Rule15/VolumeUnknown", "a snapshot of an unknown volume is NOT_FOUND (spec.md, CreateSnapshot)", []need{provisions, snapshots}, snapshotVolumeUnknown},
	{"Rule15/FieldsMissing", "a missing name or volume is INVALID_ARGUMENT (spec.md, CreateSnapshot)", []need{provisions, snapshots}, snapshotFieldsMissing},
	{"Rule15/OfAVolumeInUse", "a snapshot of a volume that is published is cut (spec.md, CreateSnapshot: the CO may snapshot at any time)", []need{provisions, snapshots}, snapshotInUse},
	{"Rule14/GetSnapshot", "GetSnapshot says what CreateSnapshot said; one that is gone is NOT_FOUND (spec.md, GetSnapshot)", []need{provisions, snapshots, getsSnapshot}, getSnapshot},
	{"Rule16/DeleteTwice", "DeleteSnapshot of what is gone or was never there is OK, without an id INVALID_ARGUMENT (spec.md, DeleteSnapshot)", []need{provisions, snapshots}, deleteSnapshotTwice},
	{"Rule16/DeletedIsGone", "after DeleteSnapshot the name is free for another volume (spec.md, DeleteSnapshot)", []need{provisions, snapshots}, deletedSnapshotIsGone},
}

// cut sends a snapshot request, without waiting until it is ready.
func (s *session) cut(r *csipb.CreateSnapshotRequest) *snapshot {
	s.Helper()
	resp, err := s.controller.CreateSnapshot(s.ctx(), r)
	s.must("CreateSnapshot "+r.GetName(), err)
	return s.adoptSnapshot(r, resp)
}

func sameSnapshot(s *session) {
	first := s.create().snapshot()
	for _, again := range []func(){func() {}, s.restart} {
		again()
		second := s.cut(first.request)
		if a, b := first.Snapshot, second.Snapshot; a.GetSnapshotId() != b.GetSnapshotId() ||
			a.GetSizeBytes() != b.GetSizeBytes() || !a.GetCreationTime().AsTime().Equal(b.GetCreationTime().AsTime()) {
			s.Errorf("the snapshot was %v, a retry says %v", a, b)
		}
	}
}

// snapshotFails sends a snapshot request that must fail.
func (v *volume) snapshotFails(what string, want codes.Code, edit func(*csipb.CreateSnapshotRequest)) {
	v.s.Helper()
	r := v.snapshotRequest(edit)
	resp, err := v.s.controller.CreateSnapshot(v.s.ctx(), r)
	v.s.wantCode("CreateSnapshot "+what, err, want)
	if err == nil {
		v.s.adoptSnapshot(r, resp)
	}
}

func snapshotOtherVolume(s *session) {
	n := s.create().snapshot()
	s.create().snapshotFails("of another volume by a name that exists", codes.AlreadyExists, func(r *csipb.CreateSnapshotRequest) {
		r.Name = n.request.GetName()
	})
}

func otherSnapshot(s *session) {
	v := s.create()
	if a, b := v.snapshot(), v.snapshot(); a.GetSnapshotId() == b.GetSnapshotId() {
		s.Errorf("two names got the same snapshot %s", a.GetSnapshotId())
	}
}

func snapshotVolumeUnknown(s *session) {
	v := s.create()
	v.delete()
	v.snapshotFails("of a deleted volume", codes.NotFound, func(*csipb.CreateSnapshotRequest) {})
}

func snapshotFieldsMissing(s *session) {
	v := s.create()
	v.snapshotFails("without a name", codes.InvalidArgument, func(r *csipb.CreateSnapshotRequest) { r.Name = "" })
	v.snapshotFails("without a volume", codes.InvalidArgument, func(r *csipb.CreateSnapshotRequest) { r.SourceVolumeId = "" })
}

func snapshotInUse(s *session) {
	v := s.create().stage()
	v.publish("pod")
	v.snapshot()
}

func getSnapshot(s *session) {
	n := s.create().snapshot()
	resp, err := s.controller.GetSnapshot(s.ctx(), &csipb.GetSnapshotRequest{SnapshotId: n.GetSnapshotId(), Secrets: s.h.secrets()})
	s.must("GetSnapshot", err)
	if got := resp.GetSnapshot(); got.GetSnapshotId() != n.GetSnapshotId() || got.GetSourceVolumeId() != n.GetSourceVolumeId() || !got.GetReadyToUse() {
		s.Errorf("GetSnapshot says %v, CreateSnapshot said %v", got, n.Snapshot)
	}
	n.remove()
	_, err = s.controller.GetSnapshot(s.ctx(), &csipb.GetSnapshotRequest{SnapshotId: n.GetSnapshotId(), Secrets: s.h.secrets()})
	s.wantCode("GetSnapshot of a deleted snapshot", err, codes.NotFound)
}

func deleteSnapshotTwice(s *session) {
	n := s.create().snapshot()
	for range 3 {
		n.remove()
	}
	_, err := s.controller.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{SnapshotId: "csitest-unknown", Secrets: s.h.secrets()})
	s.wantCode("DeleteSnapshot of an unknown id", err, codes.OK)
	_, err = s.controller.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{})
	s.wantCode("DeleteSnapshot without an id", err, codes.InvalidArgument)
}

func deletedSnapshotIsGone(s *session) {
	n := s.create().snapshot()
	n.remove()
	s.cut(s.create().snapshotRequest(func(r *csipb.CreateSnapshotRequest) { r.Name = n.request.GetName() }))
}
