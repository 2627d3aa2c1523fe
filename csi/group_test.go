package csi_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

// grouped is a fake with group snapshots: "group-NAME" of "snap-NAME-VOLUME".
type grouped struct {
	*fake
	answer *csi.GroupSnapshot // instead of what it would say
	seen   *csi.GroupSpec
}

func (g *grouped) CreateGroupSnapshot(_ context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = &spec
	if g.answer != nil {
		return g.answer, nil
	}
	group := &csi.GroupSnapshot{ID: "group-" + spec.Name, Created: time.Unix(1, 0)}
	for _, id := range spec.VolumeIDs {
		s := &csi.Snapshot{ID: "snap-" + spec.Name + "-" + id, VolumeID: id, Group: group.ID, Created: group.Created, Ready: true}
		g.snapshots[s.ID] = s
		group.Members = append(group.Members, s)
	}
	return group, nil
}

func (g *grouped) DeleteGroupSnapshot(_ context.Context, ref csi.GroupRef) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls["DeleteGroupSnapshot"]++
	for id, s := range g.snapshots {
		if s.Group == ref.ID {
			delete(g.snapshots, id)
		}
	}
	return csi.ErrNotFound
}

func (g *grouped) GroupSnapshot(_ context.Context, ref csi.GroupRef) (*csi.GroupSnapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := &csi.GroupSnapshot{ID: ref.ID, Created: time.Unix(1, 0)}
	for _, s := range g.snapshots {
		if s.Group == ref.ID {
			out.Members = append(out.Members, s)
		}
	}
	if len(out.Members) == 0 {
		return nil, csi.ErrNotFound
	}
	return out, nil
}

// groupDriver serves a grouped backend with the volumes vol-a and vol-b.
func groupDriver(t *testing.T) (*served, *grouped, csipb.GroupControllerClient) {
	g := &grouped{fake: newFake()}
	s := serveBackend(t, g.fake, g, nil)
	s.create(create("a"))
	s.create(create("b"))
	return s, g, s.groups
}

func group(name string, volumes ...string) *csipb.CreateVolumeGroupSnapshotRequest {
	return &csipb.CreateVolumeGroupSnapshotRequest{Name: name, SourceVolumeIds: volumes}
}

func TestRule36_CreateGroup(t *testing.T) {
	s, g, groups := groupDriver(t)
	r := group("g", "vol-b", "vol-a")
	r.Parameters = map[string]string{"csi.storage.k8s.io/volumegroupsnapshot/name": "mine", "csi.storage.k8s.io/volumegroupsnapshot/namespace": "space", "own": "x"}
	resp, err := groups.CreateVolumeGroupSnapshot(s.ctx(), r)
	require.NoError(t, err)
	require.True(t, resp.GetGroupSnapshot().GetReadyToUse())
	require.Equal(t, []string{"vol-a", "vol-b"}, g.seen.VolumeIDs)
	require.Equal(t, map[string]string{"own": "x"}, g.seen.Parameters)
	require.Equal(t, csi.Owner{Namespace: "space", Name: "mine"}, g.seen.Owner)

	member := func(volume, group string) *csi.Snapshot {
		return &csi.Snapshot{ID: "snap-" + volume, VolumeID: volume, Group: group, Created: time.Unix(1, 0)}
	}
	for _, c := range []struct {
		answer csi.GroupSnapshot
		want   codes.Code
	}{
		{csi.GroupSnapshot{ID: "g", Created: time.Unix(1, 0), Members: []*csi.Snapshot{member("vol-a", "g")}}, codes.AlreadyExists},
		{csi.GroupSnapshot{ID: "g", Created: time.Unix(1, 0), Members: []*csi.Snapshot{member("vol-a", "g"), member("vol-c", "g")}}, codes.AlreadyExists},
		{csi.GroupSnapshot{ID: "g", Created: time.Unix(1, 0), Members: []*csi.Snapshot{member("vol-a", "g"), member("vol-b", "other")}}, codes.Unavailable},
		{csi.GroupSnapshot{ID: "g", Members: []*csi.Snapshot{member("vol-a", "g"), member("vol-b", "g")}}, codes.Unavailable},
		{csi.GroupSnapshot{Created: time.Unix(1, 0)}, codes.Unavailable},
	} {
		g.answer = &c.answer
		_, err := groups.CreateVolumeGroupSnapshot(s.ctx(), group("g", "vol-a", "vol-b"))
		code(t, c.want, err)
	}
	for _, bad := range []*csipb.CreateVolumeGroupSnapshotRequest{group("", "vol-a"), group("g"), group("g", "vol-a", "vol-a"), group("g", "")} {
		_, err := groups.CreateVolumeGroupSnapshot(s.ctx(), bad)
		code(t, codes.InvalidArgument, err)
	}
}

// TestRule36_DeleteGroup: what an earlier call has deleted does not stand in the
// way of the rest; what the CO does not know of does.
func TestRule36_DeleteGroup(t *testing.T) {
	s, g, groups := groupDriver(t)
	_, err := groups.CreateVolumeGroupSnapshot(s.ctx(), group("g", "vol-a", "vol-b"))
	require.NoError(t, err)
	s.cut("single", "vol-a")
	remove := func(ids ...string) error {
		_, err := groups.DeleteVolumeGroupSnapshot(s.ctx(), &csipb.DeleteVolumeGroupSnapshotRequest{GroupSnapshotId: "group-g", SnapshotIds: ids})
		return err
	}
	code(t, codes.InvalidArgument, remove("snap-g-vol-a"), "snap-g-vol-b")
	code(t, codes.InvalidArgument, remove("snap-g-vol-a", "snap-g-vol-b", "snap-single"))
	require.Zero(t, g.calls["DeleteGroupSnapshot"])
	s.change(func(f *fake) { delete(f.snapshots, "snap-g-vol-b") })
	_, err = groups.GetVolumeGroupSnapshot(s.ctx(), &csipb.GetVolumeGroupSnapshotRequest{GroupSnapshotId: "group-g", SnapshotIds: []string{"snap-g-vol-a", "snap-g-vol-b"}})
	code(t, codes.InvalidArgument, err)
	require.NoError(t, remove("snap-g-vol-a", "snap-g-vol-b"))
	require.NoError(t, remove("snap-g-vol-a", "snap-g-vol-b"))
	require.Equal(t, 2, g.calls["DeleteGroupSnapshot"], "also when the group is not known any more")
}

func TestRule36_NotOffered(t *testing.T) {
	s := serve(t, newFake(), nil)
	_, err := s.groups.GroupControllerGetCapabilities(s.ctx(), &csipb.GroupControllerGetCapabilitiesRequest{})
	code(t, codes.Unimplemented, err)
	_, err = csi.New("fake.csi.example.com", &grouped{fake: newFake()}, &csi.Options{StateDir: t.TempDir(), Disable: []string{"Snapshotter", "SnapshotLister"}})
	require.ErrorContains(t, err, "GroupSnapshotter")
}
