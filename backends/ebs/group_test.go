package ebs_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// TestGroup_NeedsOneInstance: EC2 keeps the order of writes only within one.
func TestGroup_NeedsOneInstance(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	first, second := create(t, b, "first").ID, create(t, b, "second").ID
	spec := csi.GroupSpec{Name: "g", VolumeIDs: []string{first, second}}
	attach := func(id, node string) {
		_, err := b.Attach(t.Context(), attachment(id, node))
		require.NoError(t, err)
	}
	attach(first, node1)
	_, err := b.CreateGroupSnapshot(t.Context(), spec)
	require.ErrorIs(t, err, csi.ErrInUse, "one is not attached")
	attach(second, node2)
	_, err = b.CreateGroupSnapshot(t.Context(), spec)
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, node1)
	require.ErrorContains(t, err, node2)
	require.NoError(t, b.Detach(t.Context(), attachment(second, node2)))
	attach(second, node1)
	attach(create(t, b, "third").ID, node1) // not asked for, nor is the root
	g, err := b.CreateGroupSnapshot(t.Context(), spec)
	require.NoError(t, err)
	require.Len(t, g.Members, 2)
	require.Len(t, s.Snapshots(), 2)
	require.NoError(t, b.DeleteGroupSnapshot(t.Context(), csi.GroupRef{ID: g.ID}))
	require.Empty(t, s.Snapshots())
}

// TestGroup_FailedIsDeleted: a group is whole or not there.
func TestGroup_FailedIsDeleted(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) { o.Timings.Snapshot = ec2test.EC2Timings().Snapshot })
	b := open(t, s)
	spec := csi.GroupSpec{Name: "g"}
	for _, name := range []string{"first", "second"} {
		id := create(t, b, name).ID
		spec.VolumeIDs = append(spec.VolumeIDs, id)
		_, err := b.Attach(t.Context(), attachment(id, node1))
		require.NoError(t, err)
	}
	g, err := b.CreateGroupSnapshot(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, s.FailSnapshot(g.Members[1].ID, "out of luck"))
	_, err = b.CreateGroupSnapshot(t.Context(), spec)
	require.ErrorIs(t, err, csi.ErrUnavailable)
	require.ErrorContains(t, err, "out of luck")
	require.Empty(t, s.Snapshots())
	again, err := b.CreateGroupSnapshot(t.Context(), spec)
	require.NoError(t, err)
	require.NotEqual(t, g.ID, again.ID)

	spec.Name, spec.Parameters = "other", map[string]string{"fastSnapshotRestoreAvailabilityZones": zoneA}
	s.Inject(ec2test.Fault{API: "EnableFastSnapshotRestores", Code: "InvalidParameterValue"})
	_, err = b.CreateGroupSnapshot(t.Context(), spec)
	require.ErrorIs(t, err, csi.ErrInvalid)
	require.Len(t, s.Snapshots(), 2, "only those of the first group")
}

// TestGroup_WrongCutIsTakenBack: EC2 cuts a volume that it did not show on the
// instance, and the controller dies before it has deleted what it did not want.
func TestGroup_WrongCutIsTakenBack(t *testing.T) {
	for deleted := range 3 {
		synctest.Test(t, func(t *testing.T) {
			s := newEC2(t, func(o *ec2test.Options) {
				o.Lag, o.MappingLag = ec2test.Span{Max: time.Second}, ec2test.Span{Min: time.Minute, Max: time.Minute}
			})
			consistency := func(o *ebs.Options) { o.Consistency = 2 * time.Second }
			b := open(t, s, consistency)
			time.Sleep(2 * time.Minute) // the root is to be seen
			var ids []string
			for _, name := range []string{"first", "not asked for", "second"} {
				ids = append(ids, create(t, b, name).ID)
				_, err := b.Attach(t.Context(), attachment(ids[len(ids)-1], node1))
				require.NoError(t, err)
			}
			spec := csi.GroupSpec{Name: "g", VolumeIDs: []string{ids[0], ids[2]}}
			s.Inject(ec2test.Fault{API: "DeleteSnapshot", Skip: deleted, Count: 1, Code: "UnauthorizedOperation"})
			err := csi.ErrPending
			for errors.Is(err, csi.ErrPending) && !strings.Contains(err.Error(), "UnauthorizedOperation") {
				_, err = b.CreateGroupSnapshot(t.Context(), spec)
			}
			require.ErrorContains(t, err, "UnauthorizedOperation")

			time.Sleep(2 * time.Minute)
			b = open(t, s, consistency) // the next controller
			for err = csi.ErrPending; errors.Is(err, csi.ErrPending); {
				_, err = b.CreateGroupSnapshot(t.Context(), spec)
			}
			require.NoError(t, err)
			var of []string
			for _, made := range s.Snapshots() {
				of = append(of, made.VolumeID)
			}
			require.ElementsMatch(t, spec.VolumeIDs, of, "after %d deletions", deleted)
		})
	}
}
