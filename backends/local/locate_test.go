//go:build linux

package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

func init() {
	children["locate"] = func(b *local.Backend, args []string) error {
		for _, id := range args {
			source, err := b.Locate(contextBackground, csi.NodeVolume{ID: id})
			if err != nil {
				return err
			}
			fmt.Println(source.(csi.Device).Path)
		}
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	}
}

// devices lists the loop devices of a file.
func devices(t testing.TB, path string) []loopdev.Info {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	found, err := loopdev.Find(f)
	require.NoError(t, err)
	return found
}

func TestR17_LocateFindsByDeviceAndInode(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 8*mib)
	first := locate(t, b, csi.NodeVolume{ID: v.ID})
	require.Equal(t, v.Size, first.MinSize)
	require.True(t, first.ReadsZero)
	require.False(t, first.NeverFormat)

	// A new process, and a pool that is found by another path.
	require.NoError(t, os.Rename(pool, pool+".moved"))
	t.Cleanup(func() { _ = os.Rename(pool+".moved", pool) })
	again := locate(t, open(t, pool+".moved"), csi.NodeVolume{ID: v.ID})
	require.Equal(t, first.Path, again.Path)
	require.Len(t, devices(t, image(pool+".moved", "volumes", v.ID)), 1)
}

func TestR2_VerifyRefusesAnotherDevice(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	one := locate(t, b, csi.NodeVolume{ID: create(t, b, "one", mib).ID})
	two := locate(t, b, csi.NodeVolume{ID: create(t, b, "two", mib).ID})
	f, err := os.Open(one.Path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	require.NoError(t, one.Verify(t.Context(), f))
	require.ErrorContains(t, two.Verify(t.Context(), f), "is bound to inode")
	null, err := os.Open("/dev/null")
	require.NoError(t, err)
	defer func() { _ = null.Close() }()
	require.Error(t, one.Verify(t.Context(), null))
}

func TestLocate_ConcurrentlyAttachesOnce(t *testing.T) {
	pool := newPool(t, "", 0)
	id := create(t, open(t, pool), "v", mib).ID
	var wg sync.WaitGroup
	paths := make([]string, 16)
	for i := range paths {
		b := open(t, pool)
		wg.Go(func() { paths[i] = locate(t, b, csi.NodeVolume{ID: id}).Path })
	}
	wg.Wait()
	for _, path := range paths {
		require.Equal(t, paths[0], path)
	}
	require.Len(t, devices(t, image(pool, "volumes", id)), 1)
}

func TestLocate_KilledProcessLeavesOneDeviceThatIsFound(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	id := create(t, b, "v", mib).ID
	for range 3 {
		out, err := child(t, pool, "locate", id).Output()
		require.ErrorContains(t, err, "killed")
		require.Equal(t, locate(t, b, csi.NodeVolume{ID: id}).Path, strings.TrimSpace(string(out)))
		require.Len(t, devices(t, image(pool, "volumes", id)), 1)
	}
}

func TestRelease_ByIDAloneAndAgain(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	locate(t, b, csi.NodeVolume{ID: v.ID})
	require.NoError(t, open(t, pool).Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	require.Empty(t, devices(t, image(pool, "volumes", v.ID)))
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}))
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
}

// A process that begins after the pool's disk has become read-only says so, and
// lets go of what is there.
func TestRelease_WhereThePoolCannotBeWritten(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	locate(t, b, csi.NodeVolume{ID: v.ID})
	fixed := looptest.Dir(t)
	require.NoError(t, unix.Mount(pool, fixed, "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(fixed, 0)) })
	require.NoError(t, unix.Mount("", fixed, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	again := open(t, fixed)
	require.ErrorContains(t, again.Probe(t.Context()), "cannot be written")
	_, err := again.Locate(t.Context(), csi.NodeVolume{ID: v.ID})
	require.ErrorIs(t, err, unix.EROFS)
	require.NoError(t, again.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	require.Empty(t, devices(t, image(pool, "volumes", v.ID)))
}

func TestRelease_HeldDeviceGoesLaterAndIsKeptIfNeededAgain(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	d := locate(t, b, csi.NodeVolume{ID: v.ID})
	holder, err := os.Open(d.Path)
	require.NoError(t, err)
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}), csi.ErrInUse)
	again := locate(t, b, csi.NodeVolume{ID: v.ID})
	require.Equal(t, d.Path, again.Path)
	require.NoError(t, holder.Close())
	require.Len(t, devices(t, image(pool, "volumes", v.ID)), 1, "it must outlive the old holder")
}

func TestLocate_RefusesAnImageThatSomebodyElseAttached(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", mib)
	looptest.Attach(t, image(pool, "volumes", v.ID))
	looptest.Attach(t, image(pool, "volumes", v.ID))
	_, err := b.Locate(t.Context(), csi.NodeVolume{ID: v.ID})
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, "losetup -d")
}

func TestFormatRecorder_MarkIsDurableAndPerVolume(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	one, two := csi.NodeVolume{ID: create(t, b, "one", mib).ID}, csi.NodeVolume{ID: create(t, b, "two", mib).ID}
	require.NoError(t, b.MarkFormatted(t.Context(), one))
	require.NoError(t, b.MarkFormatted(t.Context(), one))
	for v, want := range map[string]bool{one.ID: true, two.ID: false} {
		got, err := open(t, pool).Formatted(t.Context(), csi.NodeVolume{ID: v})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := b.Formatted(t.Context(), csi.NodeVolume{ID: "n1/" + strings.Repeat("a", 32)})
	require.ErrorIs(t, err, csi.ErrNotFound)
}

func growth(id string, required int64) csi.Expansion {
	return csi.Expansion{VolumeRef: csi.VolumeRef{ID: id}, Size: csi.SizeRange{Required: required}}
}

func TestRuling33_GrowDeviceGrowsImageAndDeviceOnline(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool, func(o *local.Options) { o.MaxVolumeSize = gib })
	v := create(t, b, "v", 320*mib)
	dir := stage(t, b, v.ID, "xfs", "xfs")
	want := fill(t, filepath.Join(dir, "data"), 8*mib, 9)
	require.NoError(t, b.GrowDevice(t.Context(), growth(v.ID, 400*mib+1)))
	run(t, "xfs_growfs", dir)
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	require.Greater(t, int64(st.Blocks)*st.Frsize, int64(330*mib))
	require.Equal(t, want, sum(t, filepath.Join(dir, "data")))

	got, err := b.Volume(t.Context(), csi.VolumeRef{ID: v.ID})
	require.NoError(t, err)
	require.Equal(t, int64(401*mib), got.Size)
	require.NoError(t, b.GrowDevice(t.Context(), growth(v.ID, 100*mib)), "large enough is done, never shrunk")
	require.Equal(t, int64(401*mib), locate(t, b, csi.NodeVolume{ID: v.ID}).MinSize)
	require.ErrorIs(t, b.GrowDevice(t.Context(), growth(v.ID, 2*gib)), csi.ErrOutOfRange)
	unstage(t, b, v.ID, dir)
	require.NoError(t, b.GrowDevice(t.Context(), growth(v.ID, 500*mib)), "also while it is not attached")
	require.Equal(t, int64(500*mib), locate(t, b, csi.NodeVolume{ID: v.ID}).MinSize)
}

func TestGrowDevice_WithoutRoomAllIsAsBefore(t *testing.T) {
	pool := newPool(t, "ext4", 128*mib)
	b := open(t, pool, func(o *local.Options) { o.Overcommit = 2 })
	for _, allocation := range []string{"thin", "thick"} {
		s := spec(allocation, 16*mib)
		s.Parameters = map[string]string{"allocation": allocation}
		v, err := b.CreateVolume(t.Context(), s)
		require.NoError(t, err)
		locate(t, b, csi.NodeVolume{ID: v.ID})
		err = b.GrowDevice(t.Context(), growth(v.ID, gib))
		require.ErrorIs(t, err, csi.ErrExhausted)
		got, err := b.Volume(t.Context(), csi.VolumeRef{ID: v.ID})
		require.NoError(t, err)
		require.Equal(t, v, got)
		require.Equal(t, v.Size, locate(t, b, csi.NodeVolume{ID: v.ID}).MinSize)
		require.LessOrEqual(t, allocated(t, image(pool, "volumes", v.ID)), int64(17*mib))
	}
}
