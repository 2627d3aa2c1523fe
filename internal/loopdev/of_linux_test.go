package loopdev_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

func openImage(t *testing.T, size int64) *os.File {
	t.Helper()
	looptest.NeedRoot(t)
	f, err := os.OpenFile(looptest.Image(t, size), os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestEnsure_AttachesOnceAndFollowsTheFile(t *testing.T) {
	f := openImage(t, 4*mib)
	have, err := loopdev.Of(f)
	require.NoError(t, err)
	require.Nil(t, have)
	first, err := loopdev.Ensure(t.Context(), f)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(8*mib))
	second, err := loopdev.Ensure(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, first.Path, second.Path)
	again, err := os.Open(second.Path)
	require.NoError(t, err)
	require.Equal(t, int64(8*mib), size(t, again))
	require.NoError(t, f.Truncate(9*mib))
	require.NoError(t, loopdev.Follow(f))
	require.Equal(t, int64(9*mib), size(t, again))
	dev, ino, err := loopdev.Identity(f)
	require.NoError(t, err)
	require.NoError(t, loopdev.Verify(again, dev, ino))
	require.Equal(t, []uint64{dev, ino, dev, ino}, []uint64{first.Device, first.Inode, second.Device, second.Inode})
	require.ErrorContains(t, loopdev.Verify(again, dev, ino+1), "is bound to inode")
	require.Error(t, loopdev.Verify(f, dev, ino), "a file is no loop device")

	unused, err := loopdev.Unused(t.Context(), f)
	require.NoError(t, err)
	require.False(t, unused)
	require.NoError(t, again.Close())
	require.NoError(t, loopdev.DetachAll(t.Context(), f))
	unused, err = loopdev.Unused(t.Context(), f)
	require.NoError(t, err)
	require.True(t, unused)
	require.NoError(t, loopdev.Follow(f), "no device to follow")
	require.NoError(t, loopdev.DetachAll(t.Context(), f), "nothing to detach is done")
}

func TestOf_RefusesWhatIsAttachedTwice(t *testing.T) {
	f := openImage(t, 4*mib)
	looptest.Attach(t, f.Name())
	looptest.Attach(t, f.Name())
	_, err := loopdev.Of(f)
	require.ErrorIs(t, err, loopdev.ErrForeign)
	_, err = loopdev.Ensure(t.Context(), f)
	require.ErrorIs(t, err, loopdev.ErrForeign)
	require.NoError(t, loopdev.DetachAll(t.Context(), f))
	unused, err := loopdev.Unused(t.Context(), f)
	require.NoError(t, err)
	require.True(t, unused)
}

// The reason why raw volumes cannot have autoclear, docs/decisions/003.
func TestAutoclear_BindMountOfTheNodeDoesNotHold(t *testing.T) {
	f := openImage(t, 4*mib)
	device, err := loopdev.Attach(t.Context(), f, loopdev.Options{Autoclear: true})
	require.NoError(t, err)
	target := filepath.Join(looptest.Dir(t), "volume")
	require.NoError(t, os.WriteFile(target, nil, 0o600))
	require.NoError(t, unix.Mount(device.Name(), target, "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(target, 0)) })
	require.NoError(t, device.Close())
	require.Eventually(t, func() bool {
		unused, err := loopdev.Unused(t.Context(), f)
		return err == nil && unused
	}, 3*time.Second, 10*time.Millisecond)
}
