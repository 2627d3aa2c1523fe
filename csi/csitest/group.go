package csitest

import (
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A group is a group snapshot as a CO handles it.
type group struct {
	s *session
	*csipb.VolumeGroupSnapshot
	request *csipb.CreateVolumeGroupSnapshotRequest
}

// attached makes volumes that are attached to this node, which some storage
// wants of those that are cut together.
func (s *session) attached(n int) (list []*volume) {
	s.Helper()
	for range n {
		list = append(list, s.create().attach(s.nodeID))
	}
	return list
}

func (s *session) groupRequest(of ...*volume) *csipb.CreateVolumeGroupSnapshotRequest {
	r := &csipb.CreateVolumeGroupSnapshotRequest{Name: s.name("group"), Secrets: s.h.secrets()}
	for _, v := range of {
		r.SourceVolumeIds = append(r.SourceVolumeIds, v.GetVolumeId())
	}
	return r
}

// cutGroup sends a request and waits until the group is ready.
func (s *session) cutGroup(r *csipb.CreateVolumeGroupSnapshotRequest) *group {
	s.Helper()
	for {
		resp, err := s.groups.CreateVolumeGroupSnapshot(s.ctx(), r)
		s.must("CreateVolumeGroupSnapshot "+r.GetName(), err)
		g := s.adoptGroup(r, resp.GetGroupSnapshot())
		if g.GetReadyToUse() {
			return g
		}
		s.pause("group snapshot " + g.GetGroupSnapshotId() + " to be ready")
	}
}

// adoptGroup takes the group that a request has cut, each id once.
func (s *session) adoptGroup(r *csipb.CreateVolumeGroupSnapshotRequest, cut *csipb.VolumeGroupSnapshot) *group {
	for _, o := range s.objects {
		if g, ok := o.(*group); ok && g.GetGroupSnapshotId() == cut.GetGroupSnapshotId() {
			g.VolumeGroupSnapshot = cut
			return g
		}
	}
	g := &group{s: s, VolumeGroupSnapshot: cut, request: r}
	s.objects = append(s.objects, g)
	return g
}

// members are the ids of the snapshots, in order.
func (g *group) members() []string {
	var ids []string
	for _, n := range g.GetSnapshots() {
		ids = append(ids, n.GetSnapshotId())
	}
	return slices.Sorted(slices.Values(ids))
}

func (g *group) deleteRequest() *csipb.DeleteVolumeGroupSnapshotRequest {
	return &csipb.DeleteVolumeGroupSnapshotRequest{GroupSnapshotId: g.GetGroupSnapshotId(), SnapshotIds: g.members(), Secrets: g.s.h.secrets()}
}

func (g *group) getRequest() *csipb.GetVolumeGroupSnapshotRequest {
	return &csipb.GetVolumeGroupSnapshotRequest{GroupSnapshotId: g.GetGroupSnapshotId(), SnapshotIds: g.members(), Secrets: g.s.h.secrets()}
}

func (g *group) remove() {
	g.s.Helper()
	_, err := g.s.groups.DeleteVolumeGroupSnapshot(g.s.ctx(), g.deleteRequest())
	g.s.must("DeleteVolumeGroupSnapshot "+g.GetGroupSnapshotId(), err)
}
