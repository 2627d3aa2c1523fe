package mount

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

func TestR8_MakeAndRemove(t *testing.T) {
	base := t.TempDir()
	dir, file := filepath.Join(base, "dir"), filepath.Join(base, "file")
	for range 2 {
		require.NoError(t, MakeDir(dir))
		require.NoError(t, MakeFile(file))
	}
	for range 2 {
		require.NoError(t, Remove(dir))
		require.NoError(t, Remove(file))
	}
	require.NoError(t, Remove(filepath.Join(base, "none", "none")))
	require.Error(t, MakeDir(filepath.Join(base, "none", "dir")), "the parent is the CO's")
}

func TestR8_RemoveKeepsWhatIsNotOurs(t *testing.T) {
	base := t.TempDir()
	full, data, link := filepath.Join(base, "full"), filepath.Join(base, "data"), filepath.Join(base, "link")
	require.NoError(t, os.Mkdir(full, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(full, "precious"), nil, 0o600))
	require.NoError(t, os.WriteFile(data, []byte("x"), 0o600))
	require.NoError(t, os.Symlink(full, link))
	require.NoError(t, unix.Mkfifo(filepath.Join(base, "pipe"), 0o600))

	require.ErrorContains(t, Remove(full), "precious")
	require.ErrorContains(t, Remove(data), "a file of 1 bytes")
	require.ErrorContains(t, Remove(link), "a symbolic link")
	require.Error(t, Remove(filepath.Join(base, "pipe")))
	require.FileExists(t, filepath.Join(full, "precious"))
	for _, path := range []string{data, link, filepath.Join(base, "pipe")} {
		require.Error(t, MakeFile(path))
		require.Error(t, MakeDir(path))
	}
	got, err := os.ReadFile(data)
	require.NoError(t, err)
	require.Equal(t, "x", string(got), "MakeFile truncated a file")
}

func TestR8_RemoveRefusesMountPoints(t *testing.T) {
	looptest.NeedRoot(t)
	base, source := tree(t)
	empty := target(t, base, "empty")
	require.NoError(t, unix.Mount("tmpfs", empty, "tmpfs", 0, ""))
	require.ErrorIs(t, Remove(source), ErrMounted)
	require.ErrorIs(t, Remove(empty), ErrMounted)
	require.NoError(t, NewKernel().Unmount(t.Context(), empty))
	require.NoError(t, Remove(empty))
	require.FileExists(t, filepath.Join(source, "file"))
}

func TestR8_Shared(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		for flag, want := range map[uintptr]bool{unix.MS_SHARED: true, unix.MS_PRIVATE: false, unix.MS_SLAVE: false} {
			require.NoError(t, unix.Mount("", source, "", flag, ""))
			got, err := k.Shared(filepath.Join(source, "file"))
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		require.NoError(t, unix.Mount("", source, "", unix.MS_PRIVATE, ""))
		volume := target(t, base, "volume")
		require.NoError(t, unix.Mount(target(t, source, "kubelet"), volume, "", unix.MS_BIND, ""))
		for path, want := range map[string]Propagation{filepath.Join(source, "file"): {Point: source, Root: "/"}, volume: {Point: volume, Root: "/kubelet"}} {
			got, err := k.Propagation(path)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err := k.Shared(filepath.Join(source, "none"))
		require.ErrorIs(t, err, unix.ENOENT)
	})
}
