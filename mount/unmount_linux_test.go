package mount

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

func TestR8_AllLayersArePopped(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "pod")
		for range 3 {
			require.NoError(t, unix.Mount(source, at, "", unix.MS_BIND, ""))
		}
		require.Equal(t, 3, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
		notMounted(t, k, at)
		require.NoError(t, Remove(at))
		require.FileExists(t, filepath.Join(source, "file"))
	})
}

// An open file keeps a mount: it is reported and not detached behind the
// user's back (R7), and the message says who it is.
func TestR7_BusyStaysMounted(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, at := device(t, "ext4"), target(t, looptest.Dir(t), "at")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, at))
		f, err := os.Create(filepath.Join(at, "f"))
		require.NoError(t, err)
		err = k.Unmount(t.Context(), at)
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, f.Close())

		below := target(t, at, "below")
		require.NoError(t, unix.Mount("tmpfs", below, "tmpfs", 0, ""))
		err = k.Unmount(t.Context(), at)
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorContains(t, err, "mount "+below)
		require.NoError(t, k.Unmount(t.Context(), below))
		require.NoError(t, k.Unmount(t.Context(), at))
		require.NoError(t, idle(dev), "unmounted means that the device is free")
	})
}

// umount(8) takes a symbolic link, a device or a backing file for the mount
// that belongs to it. Unmount does not.
func TestR6_OnlyTheTargetItself(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, base := device(t, "ext4"), looptest.Dir(t)
		at, link := target(t, base, "at"), filepath.Join(base, "link")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, at))
		require.NoError(t, os.Symlink(at, link))
		for _, other := range []string{link, dev.Name(), base, filepath.Join(at, "lost+found"), filepath.Join(base, "none"), filepath.Join(dev.Name(), "x")} {
			require.NoError(t, k.Unmount(t.Context(), other), other)
			require.Equal(t, 1, mustFind(t, k, at).Layers, other)
		}
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

func TestUnmount_HonoursTheContext(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		at := target(t, base, "pod")
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at}))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, k.Unmount(ctx, at), context.Canceled)
		require.Equal(t, 1, mustFind(t, k, at).Layers)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// Only the last mount of a file system is synced: a pod that goes does not
// wait for the device.
func TestR6_LastMountOfAFileSystem(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		require.False(t, k.hasOther(mustFind(t, k, source)))
		at := target(t, base, "pod")
		require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at}))
		require.True(t, k.hasOther(mustFind(t, k, source)))
		require.True(t, k.hasOther(mustFind(t, k, at)))
		require.NoError(t, k.Unmount(t.Context(), at))
		require.False(t, k.hasOther(mustFind(t, k, source)))
	})
}

// fuse mounts a FUSE file system whose daemon is this test: it says nothing
// until the file returned is closed, which is the daemon's death.
func fuse(t *testing.T, at string) *os.File {
	t.Helper()
	daemon, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
	data := "rootmode=40000,user_id=0,group_id=0,fd=" + strconv.Itoa(int(daemon.Fd()))
	require.NoError(t, unix.Mount("daemon", at, "fuse.test", unix.MS_NODEV|unix.MS_NOSUID, data))
	return daemon
}

func TestR7_DeadShareIsFoundAndDetached(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		var log bytes.Buffer
		k.Logger = slog.New(slog.NewTextHandler(&log, nil))
		at := target(t, looptest.Dir(t), "at")
		daemon := fuse(t, at)
		require.NoError(t, daemon.Close())
		info := mustFind(t, k, at)
		require.ErrorIs(t, info.Dead, unix.ENOTCONN)
		require.Equal(t, "fuse.test", info.Type)
		require.Equal(t, "daemon", info.Source)

		user, err := unix.Open(at, unix.O_PATH, 0) // a pod that still holds it
		require.NoError(t, err)
		require.NoError(t, k.Unmount(t.Context(), at))
		notMounted(t, k, at)
		require.NoError(t, unix.Close(user))
		require.Contains(t, log.String(), "detaching a dead share")
	})
}

// A share that is silent may come back: Find answers in time, nothing is
// detached, and no second thread is lost (R14).
func TestR14_SilentShareDoesNotHang(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		k.patience = 50 * time.Millisecond
		at := target(t, looptest.Dir(t), "at")
		daemon := fuse(t, at)
		user, err := unix.Open(at, unix.O_PATH, 0)
		require.NoError(t, err)
		for range 3 {
			info := mustFind(t, k, at)
			require.ErrorIs(t, info.Dead, ErrNoAnswer)
			require.Equal(t, "fuse.test", info.Type)
			require.Equal(t, 1, info.Layers)
		}
		require.ErrorIs(t, k.Unmount(t.Context(), at), ErrBusy)
		require.ErrorIs(t, mustFind(t, k, at).Dead, ErrNoAnswer)
		require.NoError(t, daemon.Close())
		require.Eventually(t, func() bool { return errors.Is(mustFind(t, k, at).Dead, unix.ENOTCONN) }, 10*time.Second, time.Millisecond)
		require.NoError(t, unix.Close(user))
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// A path may lead through a share that is silent, and some network file systems
// ask their server even about the root of a mount: the look at it ends in time
// too. A mount that does not answer is still found in the mount table.
func TestR14_ALookThatHangsEnds(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		k.patience = 50 * time.Millisecond
		at := target(t, looptest.Dir(t), "at")
		daemon := fuse(t, at)
		for range 3 {
			for _, path := range []string{at + "/below", at + "/much/below"} {
				_, err := k.Find(path)
				require.ErrorIs(t, err, ErrNoAnswer)
				require.ErrorIs(t, k.Unmount(t.Context(), path), ErrNoAnswer)
			}
		}
		info, err := k.findDead(at, ErrNoAnswer)
		require.NoError(t, err)
		require.ErrorIs(t, info.Dead, ErrNoAnswer)
		require.NoError(t, daemon.Close())
		require.Eventually(t, func() bool { return k.watch.Quiet() }, 10*time.Second, time.Millisecond)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}

// Many targets of one silent share cost one wait and one thread, not one each.
func TestR14_OneWaitForAllTargetsOfAShare(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base := looptest.Dir(t)
		at := target(t, base, "at")
		daemon := fuse(t, at)
		var pods []string
		for i := range 20 {
			pods = append(pods, target(t, base, "pod"+strconv.Itoa(i)))
			require.NoError(t, k.Bind(t.Context(), Binding{Source: at, Target: pods[i]}))
		}
		k.patience = 200 * time.Millisecond
		start := time.Now()
		for _, pod := range pods {
			require.ErrorIs(t, mustFind(t, k, pod).Dead, ErrNoAnswer)
		}
		require.Less(t, time.Since(start), 20*k.patience/2)
		require.NoError(t, daemon.Close())
		require.Eventually(t, func() bool { return k.watch.Quiet() }, 10*time.Second, time.Millisecond)
		for _, path := range append(pods, at) {
			require.NoError(t, k.Unmount(t.Context(), path))
		}
	})
}

// A file system that has shut itself down fails every access; its mount is
// still found and still unmounted in the ordinary way.
func TestR14_ShutDownFileSystem(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		dev, at := device(t, "xfs"), target(t, looptest.Dir(t), "at")
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "xfs", Device: dev}, at))
		dir, err := os.Open(at)
		require.NoError(t, err)
		const goingDown, noLog = 0x8004587d, 2 // XFS_IOC_GOINGDOWN
		require.NoError(t, unix.IoctlSetPointerInt(int(dir.Fd()), goingDown, noLog))
		require.NoError(t, dir.Close())
		info := mustFind(t, k, at)
		require.ErrorIs(t, info.Dead, unix.EIO)
		require.Equal(t, dev.Name(), info.Source)
		require.NoError(t, k.Unmount(t.Context(), at))
		notMounted(t, k, at)
		require.NoError(t, idle(dev))
	})
}
