package csitest

import (
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var deleteChecks = []check{
	{"Rule8/DeleteTwice", "DeleteVolume of what is gone is OK (spec.md, DeleteVolume)", []need{provisions}, deleteTwice},
	{"Rule8/DeleteUnknown", "DeleteVolume of an unknown or malformed id is OK (spec.md, DeleteVolume)", []need{provisions}, deleteUnknown},
	{"Rule8/DeleteWithoutID", "DeleteVolume without an id is INVALID_ARGUMENT (spec.md, DeleteVolume)", []need{provisions}, deleteWithoutID},
	{"Rule8/DeletedIsGone", "after DeleteVolume the volume is gone, and its name free (spec.md, DeleteVolume)", []need{provisions}, deletedIsGone},
	{"Rule8/DeleteAttached", "DeleteVolume of an attached volume is FAILED_PRECONDITION and leaves it untouched; it never detaches (spec.md, DeleteVolume)", []need{provisions, attaches}, deleteAttached},
	{"Rule8/DeleteStaged", "DeleteVolume of a volume that this node has staged is FAILED_PRECONDITION and leaves it untouched (spec.md, DeleteVolume)", []need{provisions, stages, seesUse}, deleteStaged},
	{"Rule9/SnapshotOutlivesVolume", "a snapshot of a deleted volume is still there and can be restored (spec.md, CreateSnapshot)", []need{provisions, snapshots}, snapshotOutlivesVolume},
}

// seesUse is met if the backend must notice that a volume is in use.
var seesUse = need{"attachments or devices, by which use is seen", func(s *session) bool { return attaches.met(s) || s.h.Devices }}

func deleteTwice(s *session) {
	v := s.create()
	for range 3 {
		v.delete()
	}
}

func deleteUnknown(s *session) {
	for _, id := range []string{"csitest-unknown", "../../etc", "a/b/c", "vol-0123456789abcdef0", "{}", "%s%n", "ünïcode"} {
		_, err := s.controller.DeleteVolume(s.ctx(), &csipb.DeleteVolumeRequest{VolumeId: id, Secrets: s.h.secrets()})
		s.wantCode("DeleteVolume of the unknown id "+id, err, codes.OK)
	}
}

func deleteWithoutID(s *session) {
	_, err := s.controller.DeleteVolume(s.ctx(), &csipb.DeleteVolumeRequest{})
	s.wantCode("DeleteVolume without an id", err, codes.InvalidArgument)
}

func deletedIsGone(s *session) {
	v := s.create()
	v.delete()
	_, err := s.controller.ValidateVolumeCapabilities(s.ctx(), v.validateRequest(v.cap))
	s.wantCode("ValidateVolumeCapabilities of a deleted volume", err, codes.NotFound)
	resp, err := s.controller.CreateVolume(s.ctx(), edited(v.request, func(r *csipb.CreateVolumeRequest) {
		r.CapacityRange = &csipb.CapacityRange{RequiredBytes: 2 * s.h.size()}
	}))
	s.must("CreateVolume of the name of a deleted volume, larger", err)
	s.adopt(v.request, resp)
}

// untouched proves that a delete is refused and that the volume still works.
func (v *volume) untouched() {
	v.s.Helper()
	_, err := v.s.controller.DeleteVolume(v.s.ctx(), v.deleteRequest())
	v.s.wantCode("DeleteVolume of a volume in use", err, codes.FailedPrecondition)
	_, err = v.s.controller.ValidateVolumeCapabilities(v.s.ctx(), v.validateRequest(v.cap))
	v.s.wantCode("ValidateVolumeCapabilities after the refused delete", err, codes.OK)
}

func deleteAttached(s *session) {
	v := s.create().attach(s.nodeID)
	v.untouched()
	v.stage()
	v.publish("pod")
}

func deleteStaged(s *session) {
	v := s.create().stage()
	v.untouched()
	v.publish("pod")
	v.untouched()
}

func snapshotOutlivesVolume(s *session) {
	v := s.create()
	n := v.snapshot()
	_, err := s.controller.DeleteVolume(s.ctx(), v.deleteRequest())
	s.wantCode("DeleteVolume of a volume with a snapshot", err, codes.OK, codes.FailedPrecondition)
	if getsSnapshot.met(s) {
		_, err = s.controller.GetSnapshot(s.ctx(), &csipb.GetSnapshotRequest{SnapshotId: n.GetSnapshotId(), Secrets: s.h.secrets()})
		s.wantCode("GetSnapshot after its volume was deleted", err, codes.OK)
	}
	s.create(fromSnapshot(n.GetSnapshotId()))
}
