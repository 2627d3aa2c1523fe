package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/image"
	"github.com/csikit/csikit/internal/looptest"
)

const mib = 1 << 20

func file(t *testing.T, dir, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func occupied(t *testing.T, f *os.File) int64 {
	t.Helper()
	require.NoError(t, f.Sync())
	info, err := f.Stat()
	require.NoError(t, err)
	return image.Allocated(info)
}

func mountPool(t *testing.T, fstype string, size int64) string {
	t.Helper()
	device, dir := looptest.Device(t, size), looptest.Dir(t)
	out, err := exec.Command("mkfs."+fstype, "-q", device).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, unix.Mount(device, dir, fstype, 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

func TestCopy_KeepsDataAndHoles(t *testing.T) {
	dir := t.TempDir()
	for range 8 {
		src, dst := file(t, dir, "src"), file(t, dir, "dst")
		require.NoError(t, errors.Join(src.Truncate(0), dst.Truncate(0)))
		size := rand.Int64N(20*mib) + 1
		for range rand.IntN(6) {
			data := bytes.Repeat([]byte("data"), rand.IntN(mib/4)+1)
			_, err := src.WriteAt(data, rand.Int64N(size))
			require.NoError(t, err)
		}
		require.NoError(t, src.Truncate(size))
		require.NoError(t, image.Copy(t.Context(), dst, src, slog.Default()))
		want, err := os.ReadFile(src.Name())
		require.NoError(t, err)
		got, err := os.ReadFile(dst.Name())
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		require.LessOrEqual(t, occupied(t, dst), occupied(t, src)+mib)
	}
}

func TestCopy_EndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	src, dst := file(t, dir, "src"), file(t, dir, "dst")
	_, err := src.WriteAt([]byte("x"), mib)
	require.NoError(t, err)
	cause := errors.New("too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, image.Copy(ctx, dst, src, slog.Default()), cause)
}

func TestReflink(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	src, dst := file(t, dir, "src"), file(t, dir, "dst")
	ext4 := mountPool(t, "ext4", 64*mib)
	require.ErrorIs(t, image.Reflink(file(t, ext4, "dst"), file(t, ext4, "src")), image.ErrNoReflink)
	require.ErrorIs(t, image.Reflink(file(t, ext4, "dst"), src), image.ErrNoReflink, "across file systems")
	require.NoError(t, errors.Join(src.Close(), dst.Close()))

	for fstype, size := range map[string]int64{"xfs": 320 * mib, "btrfs": 128 * mib} {
		pool := mountPool(t, fstype, size)
		src, dst := file(t, pool, "src"), file(t, pool, "dst")
		_, err := src.Write(bytes.Repeat([]byte("x"), 32*mib))
		require.NoError(t, err)
		require.NoError(t, src.Sync())
		_, before, err := image.Space(pool)
		require.NoError(t, err)
		require.NoError(t, image.Reflink(dst, src))
		require.NoError(t, dst.Sync())
		_, after, err := image.Space(pool)
		require.NoError(t, err)
		require.InDelta(t, before, after, 2*mib, fstype)
		require.NoError(t, errors.Join(src.Close(), dst.Close()))
	}
}

func TestResize(t *testing.T) {
	looptest.NeedRoot(t)
	f := file(t, mountPool(t, "ext4", 64*mib), "f")
	require.NoError(t, image.Resize(f, 8*mib, false))
	require.Zero(t, occupied(t, f))
	require.NoError(t, image.Resize(f, mib, true), "never shrinks")
	require.GreaterOrEqual(t, occupied(t, f), int64(8*mib))
	err := image.Resize(f, 256*mib, true)
	require.ErrorIs(t, err, unix.ENOSPC)
	info, err := f.Stat()
	require.NoError(t, err)
	require.Equal(t, int64(8*mib), info.Size())
	require.Less(t, occupied(t, f), int64(9*mib), "what was allocated beyond the end is free again")
	require.NoError(t, f.Close())
}

func TestSpace(t *testing.T) {
	size, free, err := image.Space(t.TempDir())
	require.NoError(t, err)
	require.Greater(t, size, free)
	_, _, err = image.Space(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, unix.ENOENT)
}

func ExampleCopy() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	src, _ := os.Create(filepath.Join(dir, "src"))
	defer src.Close()
	dst, _ := os.Create(filepath.Join(dir, "dst"))
	defer dst.Close()
	_, _ = src.WriteAt([]byte("data after a hole of a gigabyte"), 1<<30)
	err := image.Reflink(dst, src)
	if errors.Is(err, image.ErrNoReflink) {
		err = image.Copy(context.Background(), dst, src, slog.Default())
	}
	info, _ := dst.Stat()
	fmt.Println(err, info.Size(), image.Allocated(info) < 1<<20)
	// Output: <nil> 1073741855 true
}
