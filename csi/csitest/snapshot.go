package csitest

import (
	"maps"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// A snapshot is a snapshot as a CO handles it.
type snapshot struct {
	s *session
	*csipb.Snapshot
	request *csipb.CreateSnapshotRequest
}

func (v *volume) snapshotRequest(edit ...func(*csipb.CreateSnapshotRequest)) *csipb.CreateSnapshotRequest {
	r := &csipb.CreateSnapshotRequest{
		SourceVolumeId: v.GetVolumeId(), Name: v.s.name("snapshot"),
		Parameters: maps.Clone(v.s.h.SnapshotParameters), Secrets: v.s.h.secrets(),
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// snapshot cuts a snapshot and waits until it is ready.
func (v *volume) snapshot() *snapshot {
	v.s.Helper()
	r := v.snapshotRequest()
	for {
		resp, err := v.s.controller.CreateSnapshot(v.s.ctx(), r)
		v.s.must("CreateSnapshot "+r.GetName(), err)
		n := v.s.adoptSnapshot(r, resp)
		if n.GetReadyToUse() {
			return n
		}
		v.s.pause("snapshot " + n.GetSnapshotId() + " to be ready")
	}
}

// adoptSnapshot takes the snapshot that a request has cut, each id once.
func (s *session) adoptSnapshot(r *csipb.CreateSnapshotRequest, resp *csipb.CreateSnapshotResponse) *snapshot {
	for _, o := range s.objects {
		if n, ok := o.(*snapshot); ok && n.GetSnapshotId() == resp.GetSnapshot().GetSnapshotId() {
			n.Snapshot = resp.GetSnapshot()
			return n
		}
	}
	n := &snapshot{s: s, Snapshot: resp.GetSnapshot(), request: r}
	s.objects = append(s.objects, n)
	return n
}

func (n *snapshot) deleteRequest() *csipb.DeleteSnapshotRequest {
	return &csipb.DeleteSnapshotRequest{SnapshotId: n.GetSnapshotId(), Secrets: n.s.h.secrets()}
}

func (n *snapshot) remove() {
	n.s.Helper()
	_, err := n.s.controller.DeleteSnapshot(n.s.ctx(), n.deleteRequest())
	n.s.must("DeleteSnapshot "+n.GetSnapshotId(), err)
}

// fromSnapshot makes a create request one of a restore.
func fromSnapshot(id string) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Snapshot{
			Snapshot: &csipb.VolumeContentSource_SnapshotSource{SnapshotId: id}}}
	}
}

// fromVolume makes a create request one of a clone.
func fromVolume(id string) func(*csipb.CreateVolumeRequest) {
	return func(r *csipb.CreateVolumeRequest) {
		r.VolumeContentSource = &csipb.VolumeContentSource{Type: &csipb.VolumeContentSource_Volume{
			Volume: &csipb.VolumeContentSource_VolumeSource{VolumeId: id}}}
	}
}

// pause waits before a state is looked at again, as the sidecars do. The
// check's deadline ends it.
func (s *session) pause(what string) {
	s.Helper()
	select {
	case <-s.Context().Done():
		s.Fatalf("waited for %s: %v", what, s.Context().Err())
	case <-time.After(20 * time.Millisecond):
	}
}
