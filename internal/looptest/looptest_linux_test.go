package looptest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

func TestDevice_IsAFreshBlockDevice(t *testing.T) {
	looptest.NeedRoot(t)
	f, err := os.Open(looptest.Device(t, 3<<20))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, 2)
	require.NoError(t, err)
	require.Equal(t, int64(3<<20), size)
}

// TestLeaksFailTheTest runs the test below in a child, where it leaks.
func TestLeaksFailTheTest(t *testing.T) {
	looptest.NeedRoot(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLeaky$", "-test.v")
	cmd.Env = append(os.Environ(), "LOOPTEST_LEAK=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "a test that leaks must fail: %s", out)
	require.Contains(t, string(out), "is still mounted")
	require.Contains(t, string(out), "is still attached")
	require.NotContains(t, string(out), "clean up:")
	names, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	require.NoError(t, err)
	for _, name := range names {
		backing, _ := os.ReadFile(name)
		require.NotContains(t, string(backing), "TestLeaky", "the leak must be cleaned up")
	}
}

func TestLeaky(t *testing.T) {
	if os.Getenv("LOOPTEST_LEAK") == "" {
		t.Skip("runs as a child of TestLeaksFailTheTest")
	}
	image := looptest.Image(t, 16<<20)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	require.NoError(t, err)
	device, err := loopdev.Attach(t.Context(), f, loopdev.Options{})
	require.NoError(t, err)
	fmt.Println(device.Close(), f.Close())
	target := filepath.Join(looptest.Dir(t), "mnt")
	require.NoError(t, os.Mkdir(target, 0o755))
	require.NoError(t, unix.Mount("tmpfs", target, "tmpfs", 0, ""))
}
