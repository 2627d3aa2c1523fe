package loopdev_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

const mib = 1 << 20

// attach attaches image and detaches it at the end of the test.
func attach(t *testing.T, image string, o loopdev.Options) *os.File {
	t.Helper()
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	require.NoError(t, err)
	device, err := loopdev.Attach(t.Context(), backing, o)
	require.NoError(t, err)
	require.NoError(t, backing.Close())
	t.Cleanup(func() {
		if err := loopdev.Detach(device); err == nil {
			_ = device.Close()
		}
	})
	return device
}

func find(t *testing.T, path string) []loopdev.Info {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	found, err := loopdev.Find(f)
	require.NoError(t, err)
	return found
}

func size(t *testing.T, device *os.File) int64 {
	t.Helper()
	n, err := device.Seek(0, 2)
	require.NoError(t, err)
	return n
}

func TestR17_FoundByDeviceAndInodeNotByName(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	require.Empty(t, find(t, image))
	device := attach(t, image, loopdev.Options{})
	require.NoError(t, os.Rename(image, image+".renamed"))
	require.NoError(t, os.WriteFile(image, nil, 0o600), "another file takes the name")

	found := find(t, image+".renamed")
	require.Len(t, found, 1)
	require.Equal(t, device.Name(), found[0].Path)
	require.True(t, found[0].DirectIO, "ext4, xfs and btrfs allow direct I/O")
	require.False(t, found[0].ReadOnly || found[0].Autoclear)
	require.Zero(t, found[0].Offset+found[0].SizeLimit+found[0].BackingDevice)
	require.Empty(t, find(t, image))
}

func TestAttach_ReadOnly(t *testing.T) {
	looptest.NeedRoot(t)
	device := attach(t, looptest.Image(t, 4*mib), loopdev.Options{ReadOnly: true})
	info, err := loopdev.Status(device)
	require.NoError(t, err)
	require.True(t, info.ReadOnly)
	f, err := os.OpenFile(device.Name(), os.O_WRONLY, 0)
	if err == nil { // kernels differ in whether they refuse to open or to write
		_, err = f.Write(make([]byte, 512))
		_ = f.Close()
	}
	require.Error(t, err)
}

// TestAttach_ForgetsReadOnly: BLKROSET outlives the binding to a file, and
// the next file must not inherit it.
func TestAttach_ForgetsReadOnly(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	for range 50 { // until no other process is faster to take the device
		first := attach(t, image, loopdev.Options{})
		require.NoError(t, unix.IoctlSetPointerInt(int(first.Fd()), unix.BLKROSET, 1))
		require.NoError(t, loopdev.Detach(first))
		require.NoError(t, first.Close())
		second := attach(t, image, loopdev.Options{})
		flag, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(second.Name()), "ro"))
		require.NoError(t, err)
		require.Equal(t, "0\n", string(flag))
		if second.Name() == first.Name() {
			return
		}
		mark, err := os.OpenFile(first.Name(), os.O_RDONLY, 0)
		require.NoError(t, err)
		require.NoError(t, errors.Join(unix.IoctlSetPointerInt(int(mark.Fd()), unix.BLKROSET, 0), mark.Close()))
	}
	t.Skip("other processes take every loop device first")
}

func TestAttach_DirectIOFallsBack(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	require.NoError(t, unix.Mount("ramfs", dir, "ramfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	image := filepath.Join(dir, "image")
	require.NoError(t, os.WriteFile(image, make([]byte, mib), 0o600))
	device := attach(t, image, loopdev.Options{})
	info, err := loopdev.Status(device)
	require.NoError(t, err)
	require.False(t, info.DirectIO)
}

func TestAutoclear_GoesAtLastClose(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	device := attach(t, image, loopdev.Options{Autoclear: true})
	require.True(t, find(t, image)[0].Autoclear)
	require.NoError(t, device.Close())
	require.Eventually(t, func() bool { return len(find(t, image)) == 0 }, 3*time.Second, 10*time.Millisecond)
}

func TestDetach_WaitsForTheLastUser(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	device := attach(t, image, loopdev.Options{})
	user, err := os.Open(device.Name())
	require.NoError(t, err)
	require.NoError(t, loopdev.Detach(device))
	require.NoError(t, device.Close())
	require.Len(t, find(t, image), 1, "still open elsewhere")
	_, err = user.ReadAt(make([]byte, 512), mib)
	require.NoError(t, err, "the user goes on undisturbed")
	require.NoError(t, user.Close())
	require.Eventually(t, func() bool { return len(find(t, image)) == 0 }, 3*time.Second, 10*time.Millisecond)

	again, err := os.Open(device.Name())
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	if _, err := loopdev.Status(again); err != nil { // unless another test has taken it
		require.ErrorIs(t, err, loopdev.ErrUnbound)
		require.NoError(t, loopdev.Detach(again), "not bound is done")
	}
}

func TestKeep_TakesADetachBack(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	device := attach(t, image, loopdev.Options{})
	user, err := os.Open(device.Name())
	require.NoError(t, err)
	defer func() { _ = user.Close() }()
	require.NoError(t, loopdev.Keep(device), "nothing to take back")
	require.NoError(t, loopdev.Detach(device))
	require.NoError(t, device.Close())
	require.NoError(t, loopdev.Keep(user))
	require.NoError(t, user.Close())
	found := find(t, image)
	require.Len(t, found, 1)
	require.False(t, found[0].Autoclear)
	again, err := os.Open(found[0].Path)
	require.NoError(t, err)
	require.NoError(t, loopdev.Detach(again))
	require.NoError(t, again.Close())
}

func TestSetCapacity_FollowsTheFile(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 4*mib)
	device := attach(t, image, loopdev.Options{})
	require.Equal(t, int64(4*mib), size(t, device))
	require.NoError(t, os.Truncate(image, 8*mib))
	require.Equal(t, int64(4*mib), size(t, device))
	require.NoError(t, loopdev.SetCapacity(device))
	require.Equal(t, int64(8*mib), size(t, device))
}

func TestAttach_ConcurrentlyGivesEachItsOwn(t *testing.T) {
	looptest.NeedRoot(t)
	var mu sync.Mutex
	seen := map[string]string{}
	var wg sync.WaitGroup
	for range 12 {
		image := looptest.Image(t, mib)
		wg.Go(func() {
			device := attach(t, image, loopdev.Options{})
			mu.Lock()
			defer mu.Unlock()
			if other := seen[device.Name()]; other != "" {
				t.Errorf("%s was given to %s and %s", device.Name(), other, image)
			}
			seen[device.Name()] = image
		})
	}
	wg.Wait()
	require.Len(t, seen, 12)
}

func TestAttach_ErrorsAttachNothing(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, mib)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the volume is being unstaged")
	cancel(cause)
	_, err = loopdev.Attach(ctx, f, loopdev.Options{})
	require.ErrorIs(t, err, cause)
	dir, err := os.Open(filepath.Dir(image))
	require.NoError(t, err)
	defer func() { _ = dir.Close() }()
	_, err = loopdev.Attach(t.Context(), dir, loopdev.Options{})
	require.ErrorContains(t, err, dir.Name())
	require.Empty(t, find(t, image))
}

func TestEach_StopsAtAnError(t *testing.T) {
	looptest.NeedRoot(t)
	looptest.Device(t, mib)
	enough := errors.New("enough")
	require.ErrorIs(t, loopdev.Each(func(string) bool { return true }, func(loopdev.Info) error { return enough }), enough)
}

func BenchmarkFind(b *testing.B) {
	looptest.NeedRoot(b)
	f, err := os.Open(looptest.Image(b, mib))
	require.NoError(b, err)
	defer func() { _ = f.Close() }()
	looptest.Attach(b, f.Name())
	for b.Loop() {
		_, _ = loopdev.Find(f)
	}
}
