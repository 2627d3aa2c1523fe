package csitest

import (
	"slices"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var groupChecks = []check{
	{"Rule36/SameNameSameGroup", "CreateVolumeGroupSnapshot of a name that exists, of the same volumes in any order, is the same group, after a restart too (spec.md, CreateVolumeGroupSnapshot)", []need{provisions, groups}, sameGroup},
	{"Rule36/OtherVolumesExist", "a group of the name of other volumes is ALREADY_EXISTS (spec.md, CreateVolumeGroupSnapshot)", []need{provisions, groups}, groupOfOtherVolumes},
	{"Rule36/AllOrNothing", "a group with a volume that is unknown is NOT_FOUND and leaves no snapshot (spec.md, CreateVolumeGroupSnapshot)", []need{provisions, groups}, groupAllOrNothing},
	{"Rule36/FieldsMissing", "a missing name, no volumes, a volume twice or a missing group id are INVALID_ARGUMENT (csi.proto)", []need{provisions, groups}, groupFieldsMissing},
	{"Rule36/GetGroup", "GetVolumeGroupSnapshot says what CreateVolumeGroupSnapshot said; one that is gone is NOT_FOUND (spec.md, GetVolumeGroupSnapshot)", []need{provisions, groups}, getGroup},
	{"Rule36/ListMismatch", "snapshot_ids that are not the group's are INVALID_ARGUMENT, and nothing is deleted (spec.md, DeleteVolumeGroupSnapshot)", []need{provisions, groups}, groupListMismatch},
	{"Rule36/DeleteTwice", "DeleteVolumeGroupSnapshot of what is gone or was never there is OK, and the name is free again (spec.md, DeleteVolumeGroupSnapshot)", []need{provisions, groups}, deleteGroupTwice},
	{"Rule36/MemberStaysInGroup", "DeleteSnapshot of a member is INVALID_ARGUMENT and leaves it (spec.md, DeleteSnapshot)", []need{provisions, groups}, groupMemberStays},
	{"Rule36/RestoreMember", "each member restores to a volume (spec.md, VolumeGroupSnapshot.ready_to_use)", []need{provisions, groups}, restoreMember},
}

func sameGroup(s *session) {
	r := s.groupRequest(s.attached(2)...)
	first := s.cutGroup(r)
	want := first.members()
	for _, again := range []func(){func() {}, s.restart} {
		again()
		slices.Reverse(r.SourceVolumeIds)
		if second := s.cutGroup(r); second != first || !slices.Equal(second.members(), want) {
			s.Errorf("the group was %s of %v, a retry says %s of %v", first.GetGroupSnapshotId(), want, second.GetGroupSnapshotId(), second.members())
		}
	}
}

// groupFails sends a request that must fail.
func (s *session) groupFails(what string, r *csipb.CreateVolumeGroupSnapshotRequest, want codes.Code) {
	s.Helper()
	resp, err := s.groups.CreateVolumeGroupSnapshot(s.ctx(), r)
	s.wantCode("CreateVolumeGroupSnapshot "+what, err, want)
	if err == nil {
		s.adoptGroup(r, resp.GetGroupSnapshot())
	}
}

func groupOfOtherVolumes(s *session) {
	list := s.attached(3)
	g := s.cutGroup(s.groupRequest(list[:2]...))
	for what, of := range map[string][]*volume{"fewer": list[:1], "more": list, "others": list[1:]} {
		r := s.groupRequest(of...)
		r.Name = g.request.GetName()
		s.groupFails("of "+what+" volumes by a name that exists", r, codes.AlreadyExists)
	}
}

func groupAllOrNothing(s *session) {
	list := s.attached(2)
	r := s.groupRequest(list...)
	list[1].detach(s.nodeID)
	list[1].delete()
	s.groupFails("with a volume that is gone", r, codes.NotFound)
}

func groupFieldsMissing(s *session) {
	v := s.attached(1)[0]
	nameless := s.groupRequest(v)
	nameless.Name = ""
	s.groupFails("without a name", nameless, codes.InvalidArgument)
	s.groupFails("without volumes", s.groupRequest(), codes.InvalidArgument)
	s.groupFails("with a volume twice", s.groupRequest(v, v), codes.InvalidArgument)
	_, err := s.groups.GetVolumeGroupSnapshot(s.ctx(), &csipb.GetVolumeGroupSnapshotRequest{})
	s.wantCode("GetVolumeGroupSnapshot without an id", err, codes.InvalidArgument)
	_, err = s.groups.DeleteVolumeGroupSnapshot(s.ctx(), &csipb.DeleteVolumeGroupSnapshotRequest{})
	s.wantCode("DeleteVolumeGroupSnapshot without an id", err, codes.InvalidArgument)
}

func getGroup(s *session) {
	g := s.cutGroup(s.groupRequest(s.attached(2)...))
	resp, err := s.groups.GetVolumeGroupSnapshot(s.ctx(), g.getRequest())
	s.must("GetVolumeGroupSnapshot", err)
	got := &group{s: s, VolumeGroupSnapshot: resp.GetGroupSnapshot()}
	if got.GetGroupSnapshotId() != g.GetGroupSnapshotId() || !slices.Equal(got.members(), g.members()) || !got.GetReadyToUse() ||
		!got.GetCreationTime().AsTime().Equal(g.GetCreationTime().AsTime()) {
		s.Errorf("GetVolumeGroupSnapshot says %v, CreateVolumeGroupSnapshot said %v", got, g.VolumeGroupSnapshot)
	}
	g.remove()
	_, err = s.groups.GetVolumeGroupSnapshot(s.ctx(), g.getRequest())
	s.wantCode("GetVolumeGroupSnapshot of a deleted group", err, codes.NotFound)
}

func groupListMismatch(s *session) {
	list := s.attached(2)
	g, other := s.cutGroup(s.groupRequest(list...)), s.cutGroup(s.groupRequest(list[:1]...))
	for what, ids := range map[string][]string{"fewer members": g.members()[:1], "a member of another group": append(g.members(), other.members()...)} {
		get, remove := g.getRequest(), g.deleteRequest()
		get.SnapshotIds, remove.SnapshotIds = ids, ids
		_, err := s.groups.GetVolumeGroupSnapshot(s.ctx(), get)
		s.wantCode("GetVolumeGroupSnapshot with "+what, err, codes.InvalidArgument)
		_, err = s.groups.DeleteVolumeGroupSnapshot(s.ctx(), remove)
		s.wantCode("DeleteVolumeGroupSnapshot with "+what, err, codes.InvalidArgument)
	}
	for _, left := range []*group{g, other} {
		_, err := s.groups.GetVolumeGroupSnapshot(s.ctx(), left.getRequest())
		s.must("GetVolumeGroupSnapshot of a group that was not deleted", err)
	}
}

func deleteGroupTwice(s *session) {
	list := s.attached(2)
	g := s.cutGroup(s.groupRequest(list...))
	for range 3 {
		g.remove()
	}
	_, err := s.groups.DeleteVolumeGroupSnapshot(s.ctx(), &csipb.DeleteVolumeGroupSnapshotRequest{GroupSnapshotId: "csitest-unknown", Secrets: s.h.secrets()})
	s.wantCode("DeleteVolumeGroupSnapshot of an unknown id", err, codes.OK)
	again := s.groupRequest(list[:1]...)
	again.Name = g.request.GetName()
	s.cutGroup(again)
}

func groupMemberStays(s *session) {
	g := s.cutGroup(s.groupRequest(s.attached(2)...))
	for _, id := range g.members() {
		_, err := s.controller.DeleteSnapshot(s.ctx(), &csipb.DeleteSnapshotRequest{SnapshotId: id, Secrets: s.h.secrets()})
		s.wantCode("DeleteSnapshot of a member", err, codes.InvalidArgument)
	}
	_, err := s.groups.GetVolumeGroupSnapshot(s.ctx(), g.getRequest())
	s.must("GetVolumeGroupSnapshot after DeleteSnapshot of its members", err)
}

func restoreMember(s *session) {
	g := s.cutGroup(s.groupRequest(s.attached(2)...))
	for _, id := range g.members() {
		s.create(fromSnapshot(id))
	}
}
