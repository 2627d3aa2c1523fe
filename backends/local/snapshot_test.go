//go:build linux

package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

// pools are the ways in which a pool copies: ext4 has no reflink.
var pools = map[string]struct {
	fstype string
	size   int64
}{"copy": {"", 0}, "xfs reflink": {"xfs", 400 * mib}, "btrfs reflink": {"btrfs", 400 * mib}}

func eachPool(t *testing.T, f func(t *testing.T, pool string, b *local.Backend)) {
	for name, p := range pools {
		t.Run(name, func(t *testing.T) {
			pool := newPool(t, p.fstype, p.size)
			f(t, pool, open(t, pool, func(o *local.Options) { o.Overcommit = 10 }))
		})
	}
}

func cut(t testing.TB, b *local.Backend, name, volume string) *csi.Snapshot {
	t.Helper()
	s, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: name, Volume: csi.VolumeRef{ID: volume}})
	require.NoError(t, err)
	return s
}

func restore(t testing.TB, b *local.Backend, snapshot, name string, size int64) *csi.Volume {
	t.Helper()
	v, err := b.RestoreVolume(t.Context(), csi.SnapshotRef{ID: snapshot}, spec(name, size))
	require.NoError(t, err)
	return v
}

func TestRule9_SnapshotsAreIndependentOfTheirVolume(t *testing.T) {
	eachPool(t, func(t *testing.T, pool string, b *local.Backend) {
		v := create(t, b, "v", 64*mib)
		dir := stage(t, b, v.ID, "ext4", "ext4")
		want := fill(t, filepath.Join(dir, "data"), 4*mib, 1)
		before := time.Now()
		s := cut(t, b, "s", v.ID) // while it is mounted
		require.WithinRange(t, s.Created, before.Add(-time.Minute), time.Now())
		require.Equal(t, &csi.Snapshot{ID: s.ID, VolumeID: v.ID, Size: v.Size, Created: s.Created, Ready: true, Topology: v.Topology}, s)
		fill(t, filepath.Join(dir, "data"), 4*mib, 2)
		require.Equal(t, s, cut(t, open(t, pool), "s", v.ID), "the same name is the same snapshot")
		unstage(t, b, v.ID, dir)
		unmounted := cut(t, b, "unmounted", v.ID)
		require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}))
		require.Equal(t, s, cut(t, b, "s", v.ID), "also when the volume is gone")

		larger := restore(t, b, s.ID, "larger", 96*mib)
		require.Equal(t, int64(96*mib), larger.Size)
		require.Equal(t, csi.ContentSource{Snapshot: s.ID}, larger.Source)
		d := locate(t, b, csi.NodeVolume{ID: larger.ID})
		require.True(t, d.NeverFormat)
		require.False(t, d.ReadsZero)
		require.Equal(t, int64(96*mib), d.MinSize)
		require.NoError(t, b.DeleteSnapshot(t.Context(), csi.SnapshotRef{ID: s.ID}))
		require.ErrorIs(t, b.DeleteSnapshot(t.Context(), csi.SnapshotRef{ID: s.ID}), csi.ErrNotFound)
		require.Equal(t, larger, restore(t, b, s.ID, "larger", 96*mib), "an existing volume outlives its source")
		restored := stage(t, b, larger.ID, "", "ext4")
		require.Equal(t, want, sum(t, filepath.Join(restored, "data")))

		same := stage(t, b, restore(t, b, unmounted.ID, "same", 0).ID, "", "ext4")
		require.NotEqual(t, want, sum(t, filepath.Join(same, "data")))
	})
}

// TestR1_CopiesOfNothingAreFormatted: a copy of a volume that was never written
// is like a new one, and only such a copy.
func TestR1_CopiesOfNothingAreFormatted(t *testing.T) {
	copies := func(t *testing.T, b *local.Backend, of, name string) (all []csi.Device) {
		s := cut(t, b, name, of)
		clone, err := b.CloneVolume(t.Context(), csi.VolumeRef{ID: of}, spec(name+" clone", 0))
		require.NoError(t, err)
		second, err := b.CloneVolume(t.Context(), csi.VolumeRef{ID: clone.ID}, spec(name+" second", 96*mib))
		require.NoError(t, err)
		for _, id := range []string{clone.ID, second.ID, restore(t, b, s.ID, name+" restored", 96*mib).ID} {
			all = append(all, locate(t, b, csi.NodeVolume{ID: id}))
			require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id}))
		}
		return all
	}
	eachPool(t, func(t *testing.T, _ string, b *local.Backend) {
		for _, allocation := range []string{"thin", "thick"} {
			v, err := b.CreateVolume(t.Context(), csi.VolumeSpec{
				Name: allocation, Size: csi.SizeRange{Required: 32 * mib}, Parameters: map[string]string{"allocation": allocation},
			})
			require.NoError(t, err)
			for _, d := range copies(t, b, v.ID, allocation+" nothing") {
				require.True(t, d.Blank && d.ReadsZero && !d.NeverFormat, "%+v", d)
			}
			raw := locate(t, b, csi.NodeVolume{ID: v.ID})
			f, err := os.OpenFile(raw.Path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte("x"), 20*mib+12345) // where no probe looks
			require.NoError(t, errors.Join(err, f.Sync(), f.Close()))
			require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
			for _, d := range copies(t, b, v.ID, allocation+" something") {
				require.True(t, !d.Blank && !d.ReadsZero && d.NeverFormat, "%+v", d)
			}
			marked := create(t, b, allocation+" marked", 32*mib)
			require.NoError(t, b.MarkFormatted(t.Context(), csi.NodeVolume{ID: marked.ID}))
			for _, d := range copies(t, b, marked.ID, allocation+" lost") {
				require.True(t, !d.Blank && !d.ReadsZero && d.NeverFormat, "marked but empty: %+v", d)
			}
		}
	})
}

func TestRule15_SameNameOfAnotherVolumeIsExists(t *testing.T) {
	b := open(t, newPool(t, "", 0))
	one, two := create(t, b, "one", mib), create(t, b, "two", mib)
	cut(t, b, "s", one.ID)
	_, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: two.ID}})
	require.ErrorIs(t, err, csi.ErrExists)
	_, err = b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "p", Volume: csi.VolumeRef{ID: two.ID}, Parameters: map[string]string{"x": "y"}})
	require.ErrorIs(t, err, csi.ErrInvalid)
	_, err = b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "p", Volume: csi.VolumeRef{ID: "n1/image/x"}})
	require.ErrorIs(t, err, csi.ErrInvalid)
}

func TestRule4_Sources(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 8*mib)
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: create(t, b, "gone", mib).ID}))
	gone := "n1/" + filepath.Base(v.ID[:len(v.ID)-1]) + "0"
	_, err := b.CloneVolume(t.Context(), csi.VolumeRef{ID: gone}, spec("c", 0))
	require.ErrorIs(t, err, csi.ErrNotFound)
	small := spec("c", 0)
	small.Size.Limit = 4 * mib
	_, err = b.CloneVolume(t.Context(), csi.VolumeRef{ID: v.ID}, small)
	require.ErrorIs(t, err, csi.ErrOutOfRange)
	require.Equal(t, []string{v.ID}, ids(t, b))
}

func TestSnapshots_GetAndList(t *testing.T) {
	b := open(t, newPool(t, "", 0))
	s := cut(t, b, "s", create(t, b, "v", mib).ID)
	got, err := b.Snapshot(t.Context(), csi.SnapshotRef{ID: s.ID})
	require.NoError(t, err)
	require.Equal(t, s, got)
	for listed, err := range b.ListSnapshots(t.Context(), csi.ListQuery{}) {
		require.NoError(t, err)
		require.Equal(t, s, listed)
	}
	_, err = b.Volume(t.Context(), csi.VolumeRef{ID: s.ID})
	require.ErrorIs(t, err, csi.ErrNotFound, "a snapshot is no volume")
}

func TestClone_OfAMountedVolumeAndThick(t *testing.T) {
	eachPool(t, func(t *testing.T, pool string, b *local.Backend) {
		v := create(t, b, "v", 32*mib)
		dir := stage(t, b, v.ID, "ext4", "ext4")
		want := fill(t, filepath.Join(dir, "data"), 2*mib, 1)
		s := spec("c", 48*mib)
		s.Parameters = map[string]string{"allocation": "thick"}
		c, err := b.CloneVolume(t.Context(), csi.VolumeRef{ID: v.ID}, s)
		require.NoError(t, err)
		require.Equal(t, csi.ContentSource{Volume: v.ID}, c.Source)
		require.GreaterOrEqual(t, allocated(t, image(pool, "volumes", c.ID)), int64(48*mib))
		require.Equal(t, want, sum(t, filepath.Join(stage(t, b, c.ID, "", "ext4"), "data")))
	})
}

// A writer appends to two files in turn, each with fsync. At every moment the
// first has as many entries as the second, or one more.
func TestSnapshot_OfAVolumeBeingWrittenIsCrashConsistent(t *testing.T) {
	eachPool(t, func(t *testing.T, _ string, b *local.Backend) {
		v := create(t, b, "v", 64*mib)
		dir := stage(t, b, v.ID, "ext4", "ext4")
		stop, stopped := make(chan struct{}), make(chan error)
		go func() { stopped <- writeInTurn(dir, stop) }()
		var cuts []*csi.Snapshot
		for i := range 3 {
			cuts = append(cuts, cut(t, b, strconv.Itoa(i), v.ID))
		}
		close(stop)
		require.NoError(t, <-stopped)
		for _, s := range cuts {
			restored := stage(t, b, restore(t, b, s.ID, "of"+s.ID, 0).ID, "", "ext4")
			one, two := size(t, filepath.Join(restored, "1")), size(t, filepath.Join(restored, "2"))
			require.Contains(t, []int64{0, 8}, one-two, "order of writes: %d and %d", one, two)
		}
	})
}

func writeInTurn(dir string, stop <-chan struct{}) (err error) {
	one, err1 := os.Create(filepath.Join(dir, "1"))
	two, err2 := os.Create(filepath.Join(dir, "2"))
	defer func() { err = errors.Join(err, one.Close(), two.Close()) }()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for {
		for _, f := range []*os.File{one, two} {
			if _, err := f.WriteString("12345678"); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	return info.Size()
}

func TestSnapshot_OfARawDeviceInUse(t *testing.T) {
	eachPool(t, func(t *testing.T, pool string, b *local.Backend) {
		v := create(t, b, "v", 8*mib)
		d := locate(t, b, csi.NodeVolume{ID: v.ID})
		f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		_, err = f.WriteAt([]byte("written, not synced"), mib)
		require.NoError(t, err)
		s, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
		if pools[filepath.Base(t.Name())].fstype == "" && filepath.Base(t.Name()) == "copy" {
			require.ErrorIs(t, err, csi.ErrInUse, "a copy would be torn")
			require.ErrorContains(t, err, "use a pool on xfs or btrfs")
			require.Empty(t, tree(t, filepath.Join(pool, "x")))
			return
		}
		require.NoError(t, err)
		content, err := os.ReadFile(image(pool, "snapshots", s.ID))
		require.NoError(t, err)
		require.Equal(t, "written, not synced", string(content[mib:mib+19]), "what the kernel cached is part of it")
	})
}

func TestMaxFreeze_ThawsAndRefuses(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool, func(o *local.Options) { o.MaxFreeze = time.Nanosecond })
	v := create(t, b, "v", 32*mib)
	dir := stage(t, b, v.ID, "ext4", "ext4")
	fill(t, filepath.Join(dir, "data"), mib, 1)
	before := tree(t, pool)
	_, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, "MaxFreeze")
	fill(t, filepath.Join(dir, "data2"), mib, 1) // hangs if it stays frozen
	require.Equal(t, before, tree(t, pool), "nothing left behind")
}

func TestSnapshot_OfAFileSystemFrozenByOthersIsRefused(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 32*mib)
	dir := stage(t, b, v.ID, "ext4", "ext4")
	run(t, "fsfreeze", "--freeze", dir)
	_, err := b.CreateSnapshot(t.Context(), csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
	run(t, "fsfreeze", "--unfreeze", dir) // fails if it was thawed
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorIs(t, err, unix.EBUSY)
}
