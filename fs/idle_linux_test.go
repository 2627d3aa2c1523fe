package fs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// R6: what an exclusive open would say of a device is seen without opening it,
// also when the last mount is not in the table any more.
func TestR6_IdleWithoutAnOpen(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			d, _ := formatted(t, kind)
			require.NoError(t, Idle(d.Number(), kind))
			dir := mountAt(t, d, kind, 0)
			require.ErrorIs(t, Idle(d.Number(), kind), ErrBusy)
			require.ErrorContains(t, Idle(d.Number(), kind), "mounted at "+dir)
			open, err := os.Create(filepath.Join(dir, "open"))
			require.NoError(t, err)
			require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH))
			require.ErrorIs(t, Idle(d.Number(), kind), ErrBusy, "the superblock is alive")
			require.NoError(t, open.Close())
			require.Eventually(t, func() bool { return d.Exclusive() == nil }, 5e9, 1e7)
			require.NoError(t, Idle(d.Number(), kind))
		})
	}
}

func TestR6_IdleSeesWhatIsOnTop(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	require.NoError(t, Idle(d.Number(), ""))
	require.ErrorIs(t, Idle(d.Number(), "vfat"), errors.ErrUnsupported)
	above := looptest.Attach(t, d.name)
	require.ErrorIs(t, Idle(d.Number(), ""), ErrBusy)
	require.ErrorContains(t, Idle(d.Number(), ""), above)
	require.NoError(t, Idle(unix.Mkdev(4000, 4000), "ext4"), "there is no such device")
}

// A file system keeps its identity as long as it is alive, and no other ever has it.
func TestR6_SuperblockIdentity(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			d, _ := formatted(t, kind)
			alive := func() uint64 {
				id, err := Superblock(d.Number(), kind)
				require.NoError(t, err)
				return id
			}
			seen := map[uint64]bool{0: true}
			require.Zero(t, alive())
			for range 3 {
				dir := mountAt(t, d, kind, 0)
				id := alive()
				require.False(t, seen[id], "%d was that of an earlier one", id)
				seen[id] = true
				open, err := os.Create(filepath.Join(dir, "open"))
				require.NoError(t, err)
				require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH))
				require.Equal(t, id, alive(), "the last mount that shows is gone, and it is alive")
				require.NoError(t, open.Close())
				require.Eventually(t, func() bool { return d.Exclusive() == nil }, 5e9, 1e7)
				require.Zero(t, alive())
			}
		})
	}
	d, _ := newDevice(t, 8<<20)
	_, err := Superblock(d.Number(), "vfat")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = Superblock(unix.Mkdev(4000, 4000), "ext4")
	require.ErrorIs(t, err, os.ErrNotExist)
}
