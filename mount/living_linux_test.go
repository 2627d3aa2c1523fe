package mount

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// A file system that is alive is shared only by who proves that it is the right
// one, and never changed by it (R3, R4).
func TestR3_LivingFileSystem(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			each(t, func(t *testing.T, k *Kernel) {
				dev, dir := device(t, fsType), looptest.Dir(t)
				first, second := target(t, dir, "first"), target(t, dir, "second")
				require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: dev}, first))
				defer func() { require.NoError(t, k.Unmount(t.Context(), first)) }()
				require.NoError(t, os.WriteFile(filepath.Join(first, "f"), []byte("x"), 0o600))

				m := Mount{Type: fsType, Device: dev}
				require.ErrorIs(t, k.Mount(t.Context(), m, second), ErrBusy)
				called, another := 0, errors.New("it is another one")
				m.Living = func() error { called++; notMounted(t, k, second); return another }
				if !k.Features().NewMount {
					require.ErrorIs(t, k.Mount(t.Context(), m, second), ErrBusy)
					require.Zero(t, called)
					return
				}
				require.ErrorIs(t, k.Mount(t.Context(), m, second), another)
				require.Equal(t, 1, called)
				notMounted(t, k, second)

				m.Living = func() error { return nil }
				m.Options = []Option{{Key: "noatime"}}
				require.NoError(t, k.Mount(t.Context(), m, second))
				info := mustFind(t, k, second)
				require.False(t, info.ReadOnly || info.SuperReadOnly)
				require.Equal(t, []string{"noatime"}, info.Flags)
				require.Equal(t, 1, info.Layers)
				require.FileExists(t, filepath.Join(second, "f"))
				require.NoError(t, os.WriteFile(filepath.Join(second, "g"), []byte("x"), 0o600))
				require.FileExists(t, filepath.Join(first, "g"))
				require.ErrorIs(t, k.Mount(t.Context(), m, second), ErrMounted)
				require.NoError(t, k.Unmount(t.Context(), second))

				require.NoError(t, unix.Mount("", first, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
				require.ErrorIs(t, k.Mount(t.Context(), m, second), ErrBusy)
				notMounted(t, k, second)
				require.True(t, mustFind(t, k, first).SuperReadOnly, "it has not been made writable")
				m.ReadOnly = true
				require.NoError(t, k.Mount(t.Context(), m, second))
				require.True(t, mustFind(t, k, second).ReadOnly)
				require.NoError(t, k.Unmount(t.Context(), second))
			})
		})
	}
}

// What is alive no more is not made anew unseen: Living sees that it is another.
func TestR3_LivingFileSystemHasGone(t *testing.T) {
	k, dev, at := NewKernel(), device(t, "xfs"), target(t, looptest.Dir(t), "at")
	gone := errors.New("gone")
	require.ErrorIs(t, k.Mount(t.Context(), Mount{Type: "xfs", Device: dev, Living: func() error { return gone }}, at), gone)
	notMounted(t, k, at)
	require.NoError(t, idle(dev))
}
