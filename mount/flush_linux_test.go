package mount

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// written is how many bytes have been written to a device since it was made.
func written(t *testing.T, dev *os.File) int64 {
	t.Helper()
	number, err := deviceNumber(dev)
	require.NoError(t, err)
	stat, err := os.ReadFile(sysfs(number) + "/stat")
	require.NoError(t, err)
	sectors, err := strconv.ParseInt(strings.Fields(string(stat))[6], 10, 64)
	require.NoError(t, err)
	return sectors * 512
}

// dirty leaves 4 MiB in memory that nobody has synced.
func dirty(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dirty"), bytes.Repeat([]byte("dirty"), 4<<20/5), 0o600))
}

// The last mount of a file system is written out while it still shows, and so
// before anything is undone: here the unmount then fails. That of a pod beside
// it writes nothing, so that a pod does not wait for the device.
func TestR6_TheLastMountIsSyncedFirst(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				dev, base := device(t, fsType), looptest.Dir(t)
				at, pod := target(t, base, "at"), target(t, base, "pod")
				require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev}, at))
				require.NoError(t, k.Bind(t.Context(), Binding{Source: at, Target: pod}))
				user, err := os.Open(at)
				require.NoError(t, err)
				before := written(t, dev)
				dirty(t, at)
				require.NoError(t, k.Unmount(t.Context(), pod))
				require.Less(t, written(t, dev)-before, int64(2<<20), "a pod that goes waits for nothing")
				require.ErrorIs(t, k.Unmount(t.Context(), at), ErrBusy)
				require.GreaterOrEqual(t, written(t, dev)-before, int64(4<<20-5))
				require.NoError(t, user.Close())
				require.NoError(t, k.Unmount(t.Context(), at))
			})
		})
	}
}

// endsAfter is a context that has ended when it is asked for the n-th time.
type endsAfter struct {
	context.Context
	n int
}

func (c *endsAfter) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// A context that ends while the file system is synced, which is what takes long,
// ends the call before anything is undone.
func TestUnmount_TheContextEndsDuringTheSync(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, at := device(t, "ext4"), target(t, looptest.Dir(t), "at")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, at))
		require.ErrorIs(t, k.Unmount(&endsAfter{context.Background(), 1}, at), context.Canceled)
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// A mount that the kernel does not give up, with another reason than that it is
// in use, is an error and not a loop: here it refuses a thread without
// CAP_SYS_ADMIN.
func TestR18_AMountThatStaysIsAnError(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		_, at := tree(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var all [2]unix.CapUserData
		require.NoError(t, unix.Capget(&head, &all[0]))
		less := all
		less[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
		require.NoError(t, unix.Capset(&head, &less[0]))
		err := k.Unmount(ctx, at)
		require.NoError(t, unix.Capset(&head, &all[0]))
		require.ErrorIs(t, err, unix.EPERM)
		require.ErrorContains(t, err, "still mounted")
		require.Equal(t, 1, mustFind(t, k, at).Layers)
	})
}
