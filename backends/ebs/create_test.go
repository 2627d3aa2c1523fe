package ebs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// TestCreate_OnceAlthoughTheAnswerIsLost: by another process, with reads that
// lag.
func TestCreate_OnceAlthoughTheAnswerIsLost(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) { o.Lag = ec2test.Span{Max: lag / 2} })
	s.Inject(ec2test.Fault{API: "CreateVolume", Lose: true, Count: 1})
	first := create(t, open(t, s), "v")
	require.Equal(t, first, create(t, open(t, s), "v"))
	// Asked for in another way, when EC2 remembers the token: the same one.
	require.Equal(t, first.ID, create(t, open(t, s), "v", size(2*gib)).ID)
	require.Len(t, alive(s), 1)
}

// TestCreate_BurntToken: a bad key takes the volume back and names itself; what
// is asked for next, of the same name, is made (aws-ebs-csi-driver#3010).
func TestCreate_BurntToken(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) { o.BadKeys = []string{"alias/gone"} })
	_, err := open(t, s).CreateVolume(t.Context(), spec("v", parameters("kmsKeyId", "alias/gone")))
	require.ErrorIs(t, err, csi.ErrFailed)
	require.ErrorContains(t, err, "alias/gone")
	require.Empty(t, alive(s))
	create(t, open(t, s), "v")
	require.Len(t, alive(s), 1)
}

// TestCreate_AgainAfterDelete: EC2 still remembers the token of the volume that
// was deleted.
func TestCreate_AgainAfterDelete(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	first := create(t, b, "v")
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: first.ID}))
	require.NotEqual(t, first.ID, create(t, open(t, s), "v").ID)
	require.Len(t, alive(s), 1)
}

// TestSnapshot_OnceAlthoughTheAnswerIsLost: EC2 has no token for snapshots.
func TestSnapshot_OnceAlthoughTheAnswerIsLost(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) { o.Lag = ec2test.Span{Max: lag / 2} })
	b := open(t, s)
	v := create(t, b, "v")
	s.Inject(ec2test.Fault{API: "CreateSnapshot", Lose: true, Count: 1})
	cut := csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}}
	_, err := b.CreateSnapshot(t.Context(), cut)
	require.ErrorIs(t, err, csi.ErrUnavailable)
	for _, process := range []func() (*csi.Snapshot, error){
		func() (*csi.Snapshot, error) { return open(t, s).CreateSnapshot(t.Context(), cut) },
		func() (*csi.Snapshot, error) { return b.CreateSnapshot(t.Context(), cut) },
	} {
		_, err := process()
		require.NoError(t, err)
	}
	require.Len(t, s.Snapshots(), 1)
}

// TestChange_ExpandAndModifyAreOneCall: EC2 takes few a day.
func TestChange_ExpandAndModifyAreOneCall(t *testing.T) {
	s := newEC2(t, func(o *ec2test.Options) {
		o.Timings.Optimize = ec2test.Span{Min: time.Hour}
		o.Latency = ec2test.Constant(50 * time.Millisecond)
	})
	b := open(t, s)
	v := create(t, b, "v", size(10*gib))
	var group errgroup.Group
	group.Go(func() error {
		_, err := b.ExpandVolume(t.Context(), csi.Expansion{VolumeRef: csi.VolumeRef{ID: v.ID}, Size: csi.SizeRange{Required: 20 * gib}})
		return err
	})
	group.Go(func() error {
		return b.ModifyVolume(t.Context(), csi.Modification{VolumeRef: csi.VolumeRef{ID: v.ID}, Parameters: map[string]string{"iops": "4000"}})
	})
	require.NoError(t, group.Wait())
	require.Len(t, s.CallsTo("ModifyVolume"), 1)
	got, _ := s.Volume(v.ID)
	require.Equal(t, [2]int64{20, 4000}, [2]int64{got.Size, got.IOPS})
	err := b.ModifyVolume(t.Context(), csi.Modification{VolumeRef: csi.VolumeRef{ID: v.ID}, Parameters: map[string]string{"iops": "5000"}})
	require.ErrorIs(t, err, csi.ErrPending)
	require.ErrorContains(t, err, "24 hours")
}

// TestRestore_NoSuchSnapshot: an id that EC2 calls malformed is one of a snapshot
// that is not there.
func TestRestore_NoSuchSnapshot(t *testing.T) {
	b := open(t, newEC2(t))
	for _, id := range []string{"no-such-snapshot", "snap-0123456789abcdef0"} {
		_, err := b.RestoreVolume(t.Context(), csi.SnapshotRef{ID: id}, spec("v"))
		require.ErrorIs(t, err, csi.ErrNotFound)
	}
}

// TestRestore_UnknownThenGone: the answer of the first attempt is lost, and the
// snapshot is deleted before the second.
func TestRestore_UnknownThenGone(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	v := create(t, b, "v")
	cut, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
	require.NoError(t, err)
	s.Inject(ec2test.Fault{API: "CreateVolume", Lose: true, Count: 1})
	s.Inject(ec2test.Fault{API: "CreateVolume", Count: 1, Code: "InvalidSnapshot.NotFound"})
	_, err = b.RestoreVolume(t.Context(), csi.SnapshotRef{ID: cut.ID}, spec("w"))
	require.NoError(t, err, "not found would be final, and the volume nobody's")
	require.Len(t, alive(s), 2)
}
