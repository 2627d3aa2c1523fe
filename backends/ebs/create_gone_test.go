package ebs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

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
