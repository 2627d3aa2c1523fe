package loopdev_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

func TestRuling24_AboveFindsLoopDevicesOnADevice(t *testing.T) {
	looptest.NeedRoot(t)
	path := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 4*mib))
	below := attach(t, path, loopdev.Options{})
	number := numberOf(t, below)
	above := func() (paths []string) {
		require.NoError(t, loopdev.Above(number, func(i loopdev.Info) error { paths = append(paths, i.Path); return nil }))
		return paths
	}
	require.Empty(t, above())
	top := attach(t, below.Name(), loopdev.Options{})
	require.Equal(t, []string{top.Name()}, above())
	require.NoError(t, loopdev.Detach(top))
	require.NoError(t, top.Close())
	require.Empty(t, above())
}

func numberOf(t *testing.T, f *os.File) uint64 {
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &st))
	return st.Rdev
}
