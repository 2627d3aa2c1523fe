package ebs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

func TestRule10_SecondNodeIsNamed(t *testing.T) {
	s := newEC2(t)
	b := open(t, s)
	v := create(t, b, "v")
	_, err := b.Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	_, err = b.Attach(t.Context(), attachment(v.ID, node2))
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, node1)
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}), csi.ErrInUse)
}

// TestAttach_LostAnswer: the attachment was made, the answer was lost, and a new
// process finds it.
func TestAttach_LostAnswer(t *testing.T) {
	s := newEC2(t)
	v := create(t, open(t, s), "v")
	s.Inject(ec2test.Fault{API: "AttachVolume", Lose: true, Count: 1})
	publish, err := open(t, s).Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	again, err := open(t, s).Attach(t.Context(), attachment(v.ID, node1))
	require.NoError(t, err)
	require.Equal(t, publish, again)
}
