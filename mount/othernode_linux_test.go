package mount

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// In a container's own /dev a node can be missing or be of another device (R2):
// then the open device is what is mounted, and not what has its name. The test
// runs itself in a mount namespace, where it changes the node.
func TestR2_ANodeOfAnotherDeviceHasItsName(t *testing.T) {
	if right := os.Getenv("MOUNT_TEST_RIGHT"); right != "" {
		dev := open(t, right)
		number, err := deviceNumber(dev)
		require.NoError(t, err)
		require.Equal(t, right, devicePath(dev, number))
		require.NoError(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		require.NoError(t, unix.Mount(os.Getenv("MOUNT_TEST_WRONG"), right, "", unix.MS_BIND, ""))
		at, k := os.Getenv("MOUNT_TEST_TARGET"), childKernel()
		require.NoError(t, k.Mount(t.Context(), Mount{Type: "ext4", Device: dev}, at))
		require.Equal(t, number, mustFind(t, k, at).Device)
		require.NoError(t, k.Unmount(t.Context(), at))
		return
	}
	each(t, func(t *testing.T, k *Kernel) {
		right, wrong := device(t, "ext4"), device(t, "ext4")
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestR2_ANodeOfAnotherDeviceHasItsName$")
		child.Env = append(os.Environ(), "MOUNT_TEST_RIGHT="+right.Name(), "MOUNT_TEST_WRONG="+wrong.Name(), "MOUNT_TEST_TARGET="+target(t, looptest.Dir(t), "at"),
			"MOUNT_TEST_OLD="+strconv.FormatBool(!k.Features().NewMount), "MOUNT_TEST_HIDDEN="+t.TempDir())
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
}
