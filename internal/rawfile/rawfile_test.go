package rawfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/rawfile"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, size := range []int{0, 1, 4095, 4096, 4097, 70_000} {
		want := bytes.Repeat([]byte("x"), size)
		require.NoError(t, os.WriteFile(path, want, 0o600))
		have, err := rawfile.Read(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have), "%d bytes, %d read", size, len(have))
	}
}

func TestErrorsAreThoseOfPackageOS(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, err := rawfile.Read(missing)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, missing)
	_, err = rawfile.Open(missing, os.O_RDWR, 0)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = rawfile.Read(dir)
	require.ErrorContains(t, err, dir)
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for range 2 {
		f, err := rawfile.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		require.NoError(t, err)
		require.Equal(t, path, f.Name())
		_, err = f.WriteString("ab")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	have, err := rawfile.Read(path)
	require.NoError(t, err)
	require.Equal(t, "abab", string(have))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
