//go:build linux

package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func TestRule1_CreateIsGetOrCreateByName(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	first := create(t, b, "pvc-1", 10*mib)
	require.Equal(t, int64(10*mib), first.Size)
	require.Equal(t, []csi.Topology{{local.TopologyKey: "n1"}}, first.Topology)
	require.LessOrEqual(t, len(first.ID), 128)
	require.Equal(t, first, create(t, open(t, pool), "pvc-1", 20*mib), "the framework compares sizes")
	require.NotEqual(t, first.ID, create(t, b, "pvc-2", 10*mib).ID)

	got, err := b.Volume(t.Context(), csi.VolumeRef{ID: first.ID})
	require.NoError(t, err)
	require.Equal(t, first, got)

	other := spec("pvc-1", 10*mib)
	other.Parameters = map[string]string{"allocation": "thick"}
	_, err = b.CreateVolume(t.Context(), other)
	require.ErrorIs(t, err, csi.ErrExists)
}

func TestRule3_SizesAreRoundedUpAndBounded(t *testing.T) {
	b := open(t, newPool(t, "", 0), func(o *local.Options) { o.MaxVolumeSize = 64 * mib })
	for _, c := range []struct {
		size csi.SizeRange
		want int64
		err  error
	}{
		{csi.SizeRange{}, mib, nil},
		{csi.SizeRange{Required: 1}, mib, nil},
		{csi.SizeRange{Required: mib + 1}, 2 * mib, nil},
		{csi.SizeRange{Limit: 64 * mib}, mib, nil},
		{csi.SizeRange{Required: 65 * mib}, 0, csi.ErrOutOfRange},
		{csi.SizeRange{Required: mib + 1, Limit: mib + 2}, 0, csi.ErrOutOfRange},
	} {
		v, err := b.CreateVolume(t.Context(), csi.VolumeSpec{Name: t.Name() + strings.Repeat("x", int(c.want/mib)), Size: c.size})
		require.ErrorIs(t, err, c.err, "%+v", c)
		if err == nil {
			require.Equal(t, c.want, v.Size)
		}
	}
}

func TestRule5_ImpossibleTopologyIsExhausted(t *testing.T) {
	b := open(t, newPool(t, "", 0))
	here, there := csi.Topology{local.TopologyKey: "n1"}, csi.Topology{local.TopologyKey: "n2"}
	s := spec("v", mib)
	s.Topology.Requisite = []csi.Topology{there}
	_, err := b.CreateVolume(t.Context(), s)
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.ErrorContains(t, err, "n2")
	s.Topology.Requisite = []csi.Topology{there, here}
	_, err = b.CreateVolume(t.Context(), s)
	require.NoError(t, err)
}

func TestParameters_UnknownOnesNameTheAllowed(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	for _, c := range []struct {
		parameters, mutable map[string]string
		says                string
	}{
		{map[string]string{"Allocation": "thin"}, nil, "the only one is allocation"},
		{map[string]string{"allocation": "fat"}, nil, "use thin or thick"},
		{nil, map[string]string{"iops": "3"}, "have none"},
	} {
		s := spec("v", mib)
		s.Parameters, s.Mutable = c.parameters, c.mutable
		_, err := b.CreateVolume(t.Context(), s)
		require.ErrorIs(t, err, csi.ErrInvalid)
		require.ErrorContains(t, err, c.says)
	}
	require.Empty(t, tree(t, pool))
}

func TestAllocation_ThinAndThick(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	thin := create(t, b, "thin", 32*mib)
	require.Zero(t, allocated(t, image(pool, "volumes", thin.ID)))
	s := spec("thick", 32*mib)
	s.Parameters = map[string]string{"allocation": "thick"}
	thick, err := b.CreateVolume(t.Context(), s)
	require.NoError(t, err)
	require.GreaterOrEqual(t, allocated(t, image(pool, "volumes", thick.ID)), int64(32*mib))

	// A discard (mkfs, fstrim) punches holes into the image. They are punched
	// here by hand: discard may be off in the loop device's queue settings,
	// which outlive its user.
	img := image(pool, "volumes", thick.ID)
	full := allocated(t, img)
	stage(t, b, thick.ID, "ext4", "ext4")
	punch(t, img, 31*mib, mib)
	require.Less(t, allocated(t, img), full)
	require.NoError(t, b.MarkFormatted(t.Context(), csi.NodeVolume{ID: thick.ID}))
	require.GreaterOrEqual(t, allocated(t, img), full)
	punch(t, img, 31*mib, mib)
	require.Less(t, allocated(t, img), full)
	locate(t, b, csi.NodeVolume{ID: thick.ID})
	require.GreaterOrEqual(t, allocated(t, img), full)
}

// punch frees length bytes of a file at an offset, as a discard does.
func punch(t testing.TB, path string, offset, length int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	mode := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
	require.NoError(t, unix.Fallocate(int(f.Fd()), mode, offset, length))
}

func TestRule8_Delete(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 8*mib)
	locate(t, b, csi.NodeVolume{ID: v.ID})
	err := b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID})
	require.ErrorIs(t, err, csi.ErrInUse, "attached here: Kubernetes sends DeleteVolume before the unpublish")
	require.Equal(t, []string{v.ID}, ids(t, b), "untouched")

	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}))
	require.Empty(t, tree(t, pool))
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}), csi.ErrNotFound)
	_, err = b.Volume(t.Context(), csi.VolumeRef{ID: v.ID})
	require.ErrorIs(t, err, csi.ErrNotFound)
}

func TestRule8_MalformedIDIsNotFound(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	for _, id := range []string{"", "x", "n1", "n1/", "n1/..", "n1/../../etc", "n1/" + strings.Repeat("A", 32), "n1/image/../x", "n1/image/.x", "n1/device/a/b", "/n1/" + strings.Repeat("a", 32), "n1/" + strings.Repeat("a", 32) + "\n"} {
		require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: id}), csi.ErrNotFound, "%q", id)
		require.ErrorIs(t, b.DeleteSnapshot(t.Context(), csi.SnapshotRef{ID: id}), csi.ErrNotFound, "%q", id)
		require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id}), "%q", id)
		_, err := b.Locate(t.Context(), csi.NodeVolume{ID: id})
		require.ErrorIs(t, err, csi.ErrNotFound, "%q", id)
	}
}

func TestRuling35_AnotherNodesIDIsExhausted(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	other := "n2/" + strings.Repeat("a", 32)
	_, err := b.Volume(t.Context(), csi.VolumeRef{ID: other})
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.NotErrorIs(t, err, csi.ErrNotFound)
	require.ErrorContains(t, err, "n2")
	_, err = b.Snapshot(t.Context(), csi.SnapshotRef{ID: other})
	require.ErrorIs(t, err, csi.ErrExhausted)
	_, err = b.CloneVolume(t.Context(), csi.VolumeRef{ID: other}, spec("c", mib))
	require.ErrorIs(t, err, csi.ErrExhausted)
	_, err = b.RestoreVolume(t.Context(), csi.SnapshotRef{ID: other}, spec("c", mib))
	require.ErrorIs(t, err, csi.ErrExhausted)
	_, err = b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: other}})
	require.ErrorIs(t, err, csi.ErrExhausted)
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: other}), csi.ErrExhausted)
}

func TestListVolumes_OnlyCompleteOnes(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	require.Empty(t, ids(t, b), "an empty pool")
	v := create(t, b, "v", mib)
	hidden := filepath.Join(pool, "volumes", "."+strings.Repeat("b", 32))
	require.NoError(t, os.Mkdir(hidden, 0o700))
	require.Equal(t, []string{v.ID}, ids(t, b))
	require.NoError(t, os.WriteFile(filepath.Join(hidden, "image"), nil, 0o600))
	create(t, b, "w", mib)
	require.NoDirExists(t, hidden, "the next creation removes what a crash left")
	for range b.ListVolumes(t.Context(), csi.ListQuery{}) {
		break // stopping early must not panic
	}
}

func TestMissingPool_IsNotMissingVolumes(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	require.NoError(t, os.Rename(pool, pool+".away"))
	t.Cleanup(func() { _ = os.Rename(pool+".away", pool) })
	_, err := b.Volume(t.Context(), csi.VolumeRef{ID: v.ID})
	require.Error(t, err)
	require.NotErrorIs(t, err, csi.ErrNotFound)
	for _, err := range b.ListVolumes(t.Context(), csi.ListQuery{}) {
		require.Error(t, err)
	}
	require.Error(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}))
	require.ErrorContains(t, b.Probe(t.Context()), "pool")
}

func TestDamagedMetadata_SaysWhichFile(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	meta := filepath.Join(filepath.Dir(image(pool, "volumes", v.ID)), "meta.json")
	require.NoError(t, os.WriteFile(meta, []byte("{"), 0o600))
	_, err := b.Volume(t.Context(), csi.VolumeRef{ID: v.ID})
	require.ErrorContains(t, err, meta)
	create(t, b, "others go on", mib)
}

func TestCancelledContext(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Locate(ctx, csi.NodeVolume{ID: v.ID})
	require.ErrorIs(t, err, context.Canceled)
}

// TestManyReadersButOneWriter: a ReadOnlyMany claim is MULTI_NODE_READER_ONLY,
// although the volume has one node; writers of many nodes are refused.
func TestManyReadersButOneWriter(t *testing.T) {
	traits := open(t, t.TempDir()).Traits()
	for _, modes := range [][]csi.AccessMode{traits.Mount, traits.Block} {
		require.Contains(t, modes, csi.MultiNodeReaderOnly)
		require.NotContains(t, modes, csi.MultiNodeSingleWriter)
		require.NotContains(t, modes, csi.MultiNodeMultiWriter)
	}
}
