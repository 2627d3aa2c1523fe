package mount

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// each runs a test by all that this kernel has, by what one of Linux 6.1 has,
// and by mount(2).
func each(t *testing.T, test func(t *testing.T, k *Kernel)) {
	looptest.NeedRoot(t)
	t.Run("new", func(t *testing.T) {
		k := NewKernel()
		if f := k.Features(); !f.NewMount || !f.Statmount {
			t.Skipf("this kernel has only %s", f)
		}
		test(t, k)
	})
	t.Run("6.1", func(t *testing.T) {
		if !NewKernel().Features().NewMount {
			t.Skip("this kernel has only mount(2)")
		}
		test(t, &Kernel{Only: &Features{NewMount: true}})
	})
	t.Run("old", func(t *testing.T) { test(t, oldKernel(t)) })
}

func oldKernel(t testing.TB) *Kernel {
	dir := looptest.Dir(t)
	t.Cleanup(func() { // nothing may be left in the hideouts
		left, err := filepath.Glob(dir + "/*")
		require.NoError(t, err)
		require.Empty(t, left)
	})
	return &Kernel{Only: &Features{}, hidden: dir}
}

var sizes = map[string]int64{"ext4": 64 << 20, "xfs": 300 << 20, "btrfs": 110 << 20}

// image makes a file with a file system.
func image(t testing.TB, fsType string) string {
	path := looptest.Image(t, sizes[fsType])
	out, err := exec.Command("mkfs."+fsType, "-q", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// device makes a loop device with a file system and opens it.
func device(t testing.TB, fsType string) *os.File {
	return open(t, looptest.Attach(t, image(t, fsType)))
}

func open(t testing.TB, path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// target makes a directory below base, and unmounts it at the end of the test.
func target(t testing.TB, base, name string) string {
	dir := filepath.Join(base, name)
	require.NoError(t, MakeDir(dir))
	t.Cleanup(func() { popAll(dir) })
	return dir
}

// popAll is for the end of tests that failed half-way.
func popAll(path string) {
	for unix.Unmount(path, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH) == nil {
		continue
	}
}

// tree makes a tmpfs with a file and a directory to be bound.
func tree(t testing.TB) (base, source string) {
	base = looptest.Dir(t)
	source = target(t, base, "source")
	require.NoError(t, unix.Mount("tmpfs", source, "tmpfs", 0, "size=1m"))
	require.NoError(t, os.WriteFile(filepath.Join(source, "file"), []byte("data"), 0o600))
	return base, source
}

func mustFind(t testing.TB, k *Kernel, target string) Info {
	t.Helper()
	info, err := k.Find(target)
	require.NoError(t, err)
	return info
}

func notMounted(t testing.TB, k *Kernel, target string) {
	t.Helper()
	_, err := k.Find(target)
	require.ErrorIs(t, err, ErrNotMounted)
}
