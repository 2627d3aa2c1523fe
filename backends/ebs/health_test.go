package ebs_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

func TestVolumeHealth_IsWhatEC2Says(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	v := create(t, b, "a")
	problems, err := b.VolumeHealth(t.Context(), csi.VolumeRef{ID: v.ID})
	require.NoError(t, err)
	require.Empty(t, problems)

	require.NoError(t, s.SetVolumeStatus(v.ID, "impaired"))
	problems, err = b.VolumeHealth(t.Context(), csi.VolumeRef{ID: v.ID})
	require.NoError(t, err)
	require.Equal(t, []csi.Problem{{Kind: csi.Inaccessible, Reason: "VolumeImpaired",
		Message: "Injected by the test.; Enable volume I/O; io-enabled: failed; io-performance: not-applicable"}}, problems)
	require.NoError(t, s.SetVolumeStatus(v.ID, "warning"))
	problems, err = b.VolumeHealth(t.Context(), csi.VolumeRef{ID: v.ID})
	require.NoError(t, err)
	require.Equal(t, csi.Degraded, problems[0].Kind)
	require.NoError(t, s.SetVolumeStatus(v.ID, "insufficient-data"))
	problems, err = b.VolumeHealth(t.Context(), csi.VolumeRef{ID: v.ID})
	require.NoError(t, err, "nothing is known of it")
	require.Empty(t, problems)
}

func TestVolumeHealth_OfAVolumeThatIsGone(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	for _, id := range []string{"vol-0000000000000dead", "no-volume"} {
		_, err := b.VolumeHealth(t.Context(), csi.VolumeRef{ID: id})
		require.ErrorIs(t, err, csi.ErrNotFound)
	}
	s.Inject(ec2test.Fault{API: "DescribeVolumeStatus", Code: "UnauthorizedOperation"})
	_, err := b.VolumeHealth(t.Context(), csi.VolumeRef{ID: create(t, b, "a").ID})
	require.ErrorIs(t, err, csi.ErrPermission, "not healthy, and not gone")
	for _, err := range b.UnhealthyVolumes(t.Context(), csi.ListQuery{}) {
		require.ErrorIs(t, err, csi.ErrPermission)
	}
}

// TestVolumeHealth_UnknownIDsSpoilNothing: a hundred ask at once, every other one
// of a volume that is gone.
func TestVolumeHealth_UnknownIDsSpoilNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEC2(t, func(o *ec2test.Options) { o.Latency = ec2test.Constant(roundTrip) })
		b := open(t, s)
		ill, fine := create(t, b, "ill"), create(t, b, "fine")
		require.NoError(t, s.SetVolumeStatus(ill.ID, "impaired"))
		s.ForgetCalls()
		var group sync.WaitGroup
		for range 33 {
			for id, want := range map[string]int{ill.ID: 1, fine.ID: 0, "vol-0000000000000dead": -1} {
				group.Go(func() {
					problems, err := b.VolumeHealth(t.Context(), csi.VolumeRef{ID: id})
					if want < 0 {
						assert.ErrorIs(t, err, csi.ErrNotFound)
						return
					}
					assert.NoError(t, err)
					assert.Len(t, problems, want)
				})
			}
		}
		group.Wait()
		require.LessOrEqual(t, s.Counts()["DescribeVolumeStatus"], 10, "they share the calls")
	})
}

func TestUnhealthyVolumes_AreOurs(t *testing.T) {
	s := newEC2(t)
	cluster := func(id string) *ebs.Backend { return open(t, s, func(o *ebs.Options) { o.ClusterID = id }) }
	b := cluster("ours")
	ill, _, theirs := create(t, b, "ill"), create(t, b, "fine"), create(t, cluster("theirs"), "theirs")
	for _, err := range b.UnhealthyVolumes(t.Context(), csi.ListQuery{}) {
		t.Fatal("nothing is wrong yet", err)
	}
	require.NoError(t, s.SetVolumeStatus(theirs.ID, "impaired"))
	require.NoError(t, s.SetVolumeStatus(ill.ID, "warning"))
	var found []string
	for p, err := range b.UnhealthyVolumes(t.Context(), csi.ListQuery{}) {
		require.NoError(t, err)
		found = append(found, p.ID+" "+p.Reason)
	}
	require.Equal(t, []string{ill.ID + " VolumeWarning"}, found)
}
