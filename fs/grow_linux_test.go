package fs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
)

// enlarge makes the device larger, as a backend does.
func enlarge(t testing.TB, d *Device, image string, size int64) {
	t.Helper()
	require.NoError(t, os.Truncate(image, size))
	require.NoError(t, loopdev.SetCapacity(d.File()))
	got, err := d.Size()
	require.NoError(t, err)
	require.Equal(t, size, got)
}

func formatted(t testing.TB, kind string) (d *Device, image string) {
	t.Helper()
	d, image = newDevice(t, least[kind])
	f := unique(kind)
	f.ReadsZero = true
	require.NoError(t, d.Format(t.Context(), f))
	return d, image
}

func TestR13_GrowOnline(t *testing.T) {
	for _, kind := range []string{"xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			d, image := formatted(t, kind)
			dir := mountAt(t, d, kind, 0)
			require.NoError(t, os.WriteFile(dir+"/data", []byte("kept"), 0o600))
			g, err := Grow(t.Context(), dir, d)
			require.NoError(t, err)
			require.Equal(t, Growth{Before: least[kind], After: least[kind]}, g)

			more := 2*least[kind] + 64<<20 + 12345*512
			enlarge(t, d, image, more)
			g, err = Grow(t.Context(), dir, d)
			require.NoError(t, err)
			require.True(t, g.Grown)
			require.Equal(t, least[kind], g.Before)
			require.InDelta(t, more, g.After, 300<<10)
			u, err := UsageOf(t.Context(), dir)
			require.NoError(t, err)
			require.Greater(t, u.Bytes, least[kind])
			g, err = Grow(t.Context(), dir, d)
			require.NoError(t, err)
			require.False(t, g.Grown, "%+v", g)
			data, err := os.ReadFile(dir + "/data")
			require.NoError(t, err)
			require.Equal(t, "kept", string(data))
			c, err := d.Probe(t.Context())
			require.NoError(t, err)
			require.Equal(t, Known, c.State, "a probe of a mounted device")
		})
	}
}

// Without CAP_SYS_RESOURCE ext4 does not grow online; with it this test sees it
// grow. Either way it grows before the next mount.
func TestR13_GrowExt4(t *testing.T) {
	d, image := formatted(t, "ext4")
	dir := mountAt(t, d, "ext4", 0)
	require.NoError(t, os.WriteFile(dir+"/data", []byte("kept"), 0o600))
	enlarge(t, d, image, 200<<20)
	g, err := Grow(t.Context(), dir, d)
	if err != nil {
		require.ErrorIs(t, err, os.ErrPermission)
		require.ErrorContains(t, err, "CAP_SYS_RESOURCE")
		require.Equal(t, Growth{Before: least["ext4"], After: least["ext4"]}, g)
	}
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	if !g.Grown {
		_, err = d.GrowOffline(t.Context(), c)
		require.ErrorIs(t, err, ErrBusy)
	}
	require.NoError(t, unix.Unmount(dir, 0))
	g, err = d.GrowOffline(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, int64(200<<20), g.After)
	again, err := d.GrowOffline(t.Context(), c)
	require.NoError(t, err)
	require.False(t, again.Grown)
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{int64(200 << 20), true}, []any{c.Size, c.Clean})
	dir = mountAt(t, d, "ext4", 0)
	data, err := os.ReadFile(dir + "/data")
	require.NoError(t, err)
	require.Equal(t, "kept", string(data))
	g, err = Grow(t.Context(), dir, d)
	require.NoError(t, err, "nothing to do needs no permission")
	require.False(t, g.Grown)
}

func TestR13_BtrfsBelowTheKernelsLeast(t *testing.T) {
	d, image := formatted(t, "btrfs")
	dir := mountAt(t, d, "btrfs", 0)
	enlarge(t, d, image, 200<<20)
	_, err := Grow(t.Context(), dir, d)
	require.ErrorIs(t, err, ErrTooSmall)
	require.ErrorContains(t, err, "268435456 bytes or more")
}

func TestR13_GrowOfflineLeavesOthersAlone(t *testing.T) {
	d, image := formatted(t, "btrfs")
	enlarge(t, d, image, 200<<20)
	before := hash(t, image)
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	g, err := d.GrowOffline(t.Context(), c)
	require.NoError(t, err)
	require.False(t, g.Grown)
	require.Equal(t, before, hash(t, image))
}

func TestR13_OnlyTheRootOfItsOwnWritableMount(t *testing.T) {
	d, image := formatted(t, "btrfs")
	other, _ := formatted(t, "ext4")
	enlarge(t, d, image, 300<<20)
	dir, otherDir := mountAt(t, d, "btrfs", 0), mountAt(t, other, "ext4", 0)
	sub := filepath.Join(dir, "sub")
	require.NoError(t, os.Mkdir(sub, 0o755))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("unstaged"))
	for _, c := range []struct {
		ctx  context.Context
		path string
		d    *Device
		want string
	}{
		{t.Context(), sub, d, "not the root of a mount"},
		{t.Context(), link, d, "not a directory"},
		{t.Context(), filepath.Join(dir, "none"), d, "no such file"},
		{t.Context(), otherDir, d, "it is on device " + numberText(other.number)},
		{t.Context(), dir, other, "it is on device " + numberText(d.number)},
		{t.Context(), "/proc", d, "unsupported"},
		{cancelled, dir, d, "unstaged"},
	} {
		_, err := Grow(c.ctx, c.path, c.d)
		require.ErrorContains(t, err, c.want, c.path)
	}
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	_, err := Grow(t.Context(), dir, d)
	require.ErrorIs(t, err, unix.EROFS)
	g, err := btrfsSize(d)
	require.NoError(t, err)
	require.Equal(t, least["btrfs"], g, "nothing has grown")
}

func btrfsSize(d *Device) (int64, error) {
	c, err := d.Probe(context.Background())
	return c.Size, err
}

func TestR13_SmallerDeviceIsAnError(t *testing.T) {
	d, image := formatted(t, "ext4")
	dir := mountAt(t, d, "ext4", 0)
	require.NoError(t, os.Truncate(image, 24<<20))
	require.NoError(t, loopdev.SetCapacity(d.File()))
	_, err := Grow(t.Context(), dir, d)
	require.ErrorIs(t, err, ErrTooSmall)
	require.NoError(t, os.Truncate(image, 32<<20))
	require.NoError(t, loopdev.SetCapacity(d.File()))
}

// stubborn is a kernel that says yes and does nothing.
type stubborn struct{ geometry }

func (s stubborn) measure() (geometry, error) { return s.geometry, nil }
func (s stubborn) grow(int64) error           { return nil }

func TestR13_NotGrownIsAnError(t *testing.T) {
	_, err := growWith(stubborn{geometry{size: 100 << 20, block: 4096, tolerance: 1 << 20}}, 200<<20)
	require.ErrorContains(t, err, "after it was told to grow")
	g, err := growWith(stubborn{geometry{size: 100 << 20, block: 4096, tolerance: 1 << 20}}, 100<<20+512<<10)
	require.NoError(t, err, "what is missing cannot be used")
	require.False(t, g.Grown)
}
