package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
	} else {
		require.True(t, g.Grown)
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

	half, image := formatted(t, "ext4")
	enlarge(t, half, image, 200<<20)
	before = hash(t, image)
	c, err = half.Probe(t.Context())
	require.NoError(t, err)
	c.InProgress = true
	g, err = half.GrowOffline(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, Growth{Before: c.Size, After: c.Size}, g, "one that mkfs has not ended is for Format")
	require.Equal(t, before, hash(t, image))
}

// resize2fs that is killed leaves a file system to be repaired by hand: the end
// of ctx stops the check before it, and not it.
func TestR13_Resize2fsIsNotStopped(t *testing.T) {
	d, image := formatted(t, "ext4")
	enlarge(t, d, image, 200<<20)
	tool, err := exec.LookPath("resize2fs")
	require.NoError(t, err)
	dir := fake(t, "resize2fs", fmt.Sprintf(`touch "$0.runs"; while ! test -e "$0.go"; do sleep 0.01; done; exec %s "$@"`, tool))
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		g, err := d.GrowOffline(ctx, c)
		if err == nil && !g.Grown {
			err = errors.New("it has not grown")
		}
		done <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(dir + "/resize2fs.runs"); return err == nil }, 20*time.Second, time.Millisecond)
	cancel()
	select {
	case err := <-done:
		t.Fatalf("it was stopped: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	require.NoError(t, os.WriteFile(dir+"/resize2fs.go", nil, 0o600))
	require.NoError(t, <-done)
}

func TestR13_AFailureOfResize2fsIsTold(t *testing.T) {
	d, image := formatted(t, "ext4")
	enlarge(t, d, image, 200<<20)
	fake(t, "resize2fs", "echo no room >&2; exit 1")
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	g, err := d.GrowOffline(t.Context(), c)
	require.ErrorContains(t, err, "resize2fs: exit status 1: no room")
	require.False(t, g.Grown)
}

// The share of an xfs that inodes may take stays what it was chosen to be.
func TestR13_XFSKeepsItsInodePercentage(t *testing.T) {
	d, image := newDevice(t, least["xfs"])
	f := unique("xfs")
	f.Options = options1("maxInodePercentage", "40")
	require.NoError(t, d.Format(t.Context(), f))
	dir := mountAt(t, d, "xfs", 0)
	enlarge(t, d, image, 2*least["xfs"])
	g, err := Grow(t.Context(), dir, d)
	require.NoError(t, err)
	require.True(t, g.Grown)
	root, err := os.Open(dir)
	require.NoError(t, err)
	x, err := xfsGrower{root}.geometry()
	require.NoError(t, errors.Join(err, root.Close()))
	require.EqualValues(t, 40, x.imaxPct)
}

// The kernel answers a btrfs that does something else with a positive number,
// which is neither a success nor an errno.
func TestR13_BtrfsThatIsBusy(t *testing.T) {
	require.ErrorIs(t, resizeAnswer(5, nil), ErrBusy)
	require.ErrorIs(t, resizeAnswer(0, unix.EROFS), unix.EROFS)
	require.NoError(t, resizeAnswer(0, nil))
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
	require.NoError(t, unix.Mount("", otherDir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err = Grow(t.Context(), otherDir, other)
	require.ErrorIs(t, err, unix.EROFS, "also if there is nothing to grow")
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
