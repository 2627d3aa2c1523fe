package mount

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// In a container's own /dev a node can be missing or be of another device (R2):
// then the open device is what is mounted, and not what has its name.
func TestR2_ANodeOfAnotherDeviceHasItsName(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		right, wrong, at := device(t, "ext4"), device(t, "ext4"), target(t, looptest.Dir(t), "at")
		number, err := deviceNumber(right)
		require.NoError(t, err)
		require.Equal(t, right.Name(), devicePath(right, number))
		require.NoError(t, unix.Mount(wrong.Name(), right.Name(), "", unix.MS_BIND, ""))
		err = k.Mount(t.Context(), Mount{Type: "ext4", Device: right}, at)
		require.NoError(t, unix.Unmount(right.Name(), unix.UMOUNT_NOFOLLOW))
		require.NoError(t, err)
		require.Equal(t, number, mustFind(t, k, at).Device)
		require.NoError(t, k.Unmount(t.Context(), at))
	})
}
