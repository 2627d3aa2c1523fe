package fs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

// open opens a device for the length of the test.
func open(t testing.TB, path string) *Device {
	t.Helper()
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// newDevice makes a device that reads as zeros, and tells its image.
func newDevice(t testing.TB, size int64) (d *Device, image string) {
	t.Helper()
	looptest.NeedRoot(t)
	image = looptest.Image(t, size)
	d = open(t, looptest.Attach(t, image))
	require.NoError(t, d.SetReadOnly(false), "the flag outlives a loop device's file, and the device may be one of another test's")
	return d, image
}

// unique is a format with a UUID that no other device of the machine has:
// mkfs.btrfs looks at all of them.
func unique(kind string) Format { return Format{Type: kind, UUID: uuid.NewString()} }

// hash reads an image past the loop device: every block that is not zero, with
// its place. Holes are skipped, which makes it quick.
func hash(t testing.TB, image string) (sum [sha256.Size]byte) {
	t.Helper()
	f, err := os.Open(image)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	h := sha256.New()
	block := make([]byte, 4096)
	for at := int64(0); ; at += int64(len(block)) {
		next, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return [sha256.Size]byte(h.Sum(nil))
		}
		require.NoError(t, err)
		at = next &^ int64(len(block)-1)
		n, err := f.ReadAt(block, at)
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
		}
		if !allZero(block[:n]) {
			_, _ = fmt.Fprintln(h, at, n)
			_, _ = h.Write(block[:n])
		}
	}
}

// write puts bytes on a device and flushes them.
func write(t testing.TB, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(b, at)
	require.NoError(t, errors.Join(err, f.Sync(), f.Close()))
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

// mountAt mounts a device for the length of the test.
func mountAt(t testing.TB, d *Device, kind string, flags uintptr) string {
	t.Helper()
	dir := filepath.Join(looptest.Dir(t), "mnt")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, unix.Mount(d.name, dir, kind, flags, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	return dir
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	fifo, file, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "file"), filepath.Join(dir, "link")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Symlink(filepath.Join(dir, "gone"), link))
	for path, want := range map[string]error{
		filepath.Join(dir, "none"): os.ErrNotExist,
		link:                       os.ErrNotExist,
		fifo:                       syscall.ENOTBLK,
		file:                       syscall.ENOTBLK,
		dir:                        syscall.ENOTBLK,
		"/dev/null":                syscall.ENOTBLK,
	} {
		_, err := Open(path)
		require.ErrorIs(t, err, want, path)
		require.ErrorContains(t, err, path)
	}
}

func TestOpen_NodeWithoutDriver(t *testing.T) {
	looptest.NeedRoot(t)
	node := filepath.Join(t.TempDir(), "node")
	require.NoError(t, unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(240, 77))))
	_, err := Open(node)
	require.ErrorIs(t, err, unix.ENXIO)
	require.ErrorContains(t, err, "240:77")
}

func TestDevice_Facts(t *testing.T) {
	d, image := newDevice(t, 8<<20)
	size, err := d.Size()
	require.NoError(t, err)
	require.Equal(t, int64(8<<20), size)
	backing, err := d.Sysfs("loop/backing_file")
	require.NoError(t, err)
	require.Equal(t, image, backing)
	number, err := d.Sysfs("dev")
	require.NoError(t, err)
	require.Contains(t, d.String(), number)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(d.Path(), &st))
	require.Equal(t, uint64(st.Rdev), d.Number())
	_, err = d.Sysfs("device/serial")
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, attribute := range []string{"", ".", "..", "../dev", "a/../b", "/dev", "dev/"} {
		_, err = d.Sysfs(attribute)
		require.ErrorIs(t, err, os.ErrInvalid, attribute)
	}
}

// R2: the path comes to mean another device after Open; everything still goes
// to the first one.
func TestR2_ASwappedLinkChangesNothing(t *testing.T) {
	a, _ := newDevice(t, 16<<20)
	b, _ := newDevice(t, 16<<20)
	link := filepath.Join(t.TempDir(), "by-id")
	require.NoError(t, os.Symlink(a.name, link))
	d := open(t, link)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(b.name, link))
	require.NoError(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}))
	inA, err := a.Probe(t.Context())
	require.NoError(t, err)
	inB, err := b.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Known, Empty}, []any{inA.State, inB.State})
}

func TestR2_AnotherDiskUnderTheSameNumberIsRefused(t *testing.T) {
	d, _ := newDevice(t, 16<<20)
	if d.diskSeq == 0 {
		t.Skip("the kernel has no BLKGETDISKSEQ")
	}
	for _, other := range []func(by uint64){func(by uint64) { d.diskSeq += by }, func(by uint64) { d.number += by }} {
		other(1)
		c, err := d.Probe(t.Context())
		require.ErrorIs(t, err, unix.ENODEV)
		require.Equal(t, Unreadable, c.State)
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}), unix.ENODEV)
		other(^uint64(0))
	}
}

func TestR2_LockSerialises(t *testing.T) {
	a, _ := newDevice(t, 16<<20)
	b := open(t, a.name)
	require.NoError(t, a.Lock(t.Context()))
	require.NoError(t, a.Lock(t.Context()), "a second lock is nothing")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too long"))
	defer cancel()
	err := b.Lock(ctx)
	require.ErrorContains(t, err, "too long")
	require.ErrorContains(t, b.Format(ctx, Format{Type: "ext4", UUID: ours.String()}), "too long")

	got := make(chan error)
	go func() { got <- b.Lock(t.Context()) }()
	require.NoError(t, a.Unlock())
	require.NoError(t, <-got)
	require.NoError(t, b.Unlock())
	require.NoError(t, b.Unlock())
	require.NoError(t, a.withLock(t.Context(), func() error { return nil }))
	require.NoError(t, b.Lock(t.Context()), "withLock gave it back")
}

func TestExclusive(t *testing.T) {
	d, _ := newDevice(t, 64<<20)
	require.NoError(t, d.Exclusive())
	require.NoError(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}))

	t.Run("mounted", func(t *testing.T) {
		dir := mountAt(t, d, "ext4", 0)
		err := d.Exclusive()
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorContains(t, err, "mounted at "+dir)
		require.ErrorIs(t, d.Check(t.Context(), Content{State: Known, Type: "ext4", NeedsCheck: true}), ErrBusy)
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}), ErrNotEmpty)
	})
	t.Run("Ruling24_loop device on top", func(t *testing.T) {
		f, err := os.OpenFile(d.name, os.O_RDWR, 0)
		require.NoError(t, err)
		top, err := loopdev.Attach(t.Context(), f, loopdev.Options{})
		require.NoError(t, errors.Join(err, f.Close()))
		err = d.Exclusive()
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorContains(t, err, "backs "+top.Name())
		require.NoError(t, errors.Join(loopdev.Detach(top), top.Close()))
		require.Eventually(t, func() bool { return d.Exclusive() == nil }, 3*time.Second, 10*time.Millisecond)
	})
	t.Run("an empty device that is busy is not formatted", func(t *testing.T) {
		e, image := newDevice(t, 320<<20)
		before := hash(t, image)
		f, err := os.OpenFile(e.name, os.O_RDONLY|unix.O_EXCL, 0)
		require.NoError(t, err)
		for _, kind := range allTypes {
			require.ErrorIs(t, e.Format(t.Context(), Format{Type: kind, UUID: ours.String()}), ErrBusy)
		}
		require.NoError(t, f.Close())
		require.Equal(t, before, hash(t, image))
	})
}

func TestSetReadOnly(t *testing.T) {
	d, image := newDevice(t, 32<<20)
	require.NoError(t, d.SetReadOnly(true))
	f := Format{Type: "ext4", UUID: ours.String()}
	require.ErrorIs(t, d.Format(t.Context(), f), unix.EROFS)
	require.ErrorIs(t, d.FormatLUKS(t.Context(), LUKS{UUID: ours.String()}, secret), unix.EROFS)
	require.True(t, allZero(firstSector(t, image)))
	require.NoError(t, d.SetReadOnly(false))
	require.NoError(t, d.Format(t.Context(), f))
}

// Finding 5: somebody keeps the device open, so that its page cache stays, and
// another node writes.
func TestStalePageCacheIsNotBelieved(t *testing.T) {
	d, image := newDevice(t, 64<<20)
	kept, err := os.Open(d.name)
	require.NoError(t, err)
	defer func() { _ = kept.Close() }()
	_, err = io.Copy(io.Discard, kept)
	require.NoError(t, err)
	write(t, image, extOffset, extImage(extOf{kind: "ext4", id: theirs}))
	stale := make([]byte, 1024)
	_, err = kept.ReadAt(stale, extOffset)
	require.NoError(t, err)
	require.True(t, allZero(stale), "the page cache should be stale, or this test proves nothing")
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ext4", c.Type)
}
