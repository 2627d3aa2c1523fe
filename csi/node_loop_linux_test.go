package csi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

const imageSize = 320 << 20 // xfs needs 300 MiB

// A loopFake locates image files as loop devices, proves them by their backing
// file, and keeps the formatted mark beside them.
type loopFake struct {
	dir      string
	mu       sync.Mutex
	edit     func(*csi.Device) // of what Locate returns
	markFail error
	released int
	// kept is what Locate answers without a look, and Release leaves alone,
	// so that measuring leaves the time of a backend out.
	kept map[string]csi.Device
}

func (f *loopFake) image(id string) string { return filepath.Join(f.dir, id) }

func (f *loopFake) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	if d, ok := f.kept[v.ID]; ok {
		return d, nil
	}
	image, err := os.OpenFile(f.image(v.ID), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	loop, err := loopdev.Ensure(ctx, image)
	if err != nil {
		return nil, err
	}
	d := csi.Device{Path: loop.Path, ReadsZero: true, Fenced: true, Verify: func(_ context.Context, device *os.File) error {
		return loopdev.Verify(device, loop.Device, loop.Inode)
	}}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.edit != nil {
		f.edit(&d)
	}
	return d, nil
}

func (f *loopFake) Release(_ context.Context, v csi.NodeVolume) error {
	if _, ok := f.kept[v.ID]; ok {
		return nil
	}
	f.mu.Lock()
	f.released++
	f.mu.Unlock()
	return f.open(v.ID, func(image *os.File) error { // without the wait of DetachAll: tests hold devices
		found, err := loopdev.Find(image)
		for _, info := range found {
			err = errors.Join(err, loopdev.DetachBound(info))
		}
		return err
	})
}

// GrowDevice gives the loop device the size of its file.
func (f *loopFake) GrowDevice(_ context.Context, e csi.Expansion) error {
	return f.open(e.ID, loopdev.Follow)
}

func (f *loopFake) open(id string, do func(*os.File) error) error {
	image, err := os.Open(f.image(id))
	if err != nil {
		return err
	}
	return errors.Join(do(image), image.Close())
}

func (f *loopFake) Formatted(_ context.Context, v csi.NodeVolume) (bool, error) {
	_, err := os.Stat(f.image(v.ID) + ".formatted")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return true, err
}

func (f *loopFake) MarkFormatted(_ context.Context, v csi.NodeVolume) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.markFail != nil {
		return f.markFail
	}
	return os.WriteFile(f.image(v.ID)+".formatted", nil, 0o600)
}

func (f *loopFake) Traits() csi.Traits {
	return csi.Traits{
		Mount: []csi.AccessMode{1, 2, 3, 5, 6, 7},
		Block: []csi.AccessMode{1, 2, 3, 5, 6, 7},
	}
}

func (f *loopFake) set(edit func(*csi.Device)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edit = edit
}

// device returns the loop device of a volume, "" if it has none.
func (f *loopFake) device(t testing.TB, id string) (path string) {
	require.NoError(t, f.open(id, func(image *os.File) error {
		found, err := loopdev.Find(image)
		if len(found) > 0 {
			path = found[0].Path
		}
		return err
	}))
	return path
}

// hash is that of the whole image; holes, which are most of it, are not read.
func (f *loopFake) hash(t *testing.T, id string) string {
	image, err := os.Open(f.image(id))
	require.NoError(t, err)
	defer image.Close()
	sum, fd := sha256.New(), int(image.Fd())
	for at := int64(0); ; {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return fmt.Sprintf("%x", sum.Sum(nil))
		}
		require.NoError(t, err)
		at, err = unix.Seek(fd, data, unix.SEEK_HOLE)
		require.NoError(t, err)
		content := make([]byte, at-data)
		_, err = image.ReadAt(content, data)
		require.NoError(t, err)
		if content = bytes.Trim(content, "\x00"); len(content) > 0 {
			fmt.Fprintf(sum, "%d %x\n", data, content)
		}
	}
}

// eachKernel runs a test by all that this kernel has, and by mount(2) and
// mountinfo, as on old ones.
func eachKernel(t *testing.T, test func(t *testing.T, only *mount.Features)) {
	looptest.NeedRoot(t)
	t.Run("new", func(t *testing.T) { test(t, nil) })
	t.Run("old", func(t *testing.T) { test(t, &mount.Features{}) })
}

// newLoopNode starts a plugin on the kernel's mounts with images of these
// ids. What a test leaves mounted or attached fails it.
func newLoopNode(t testing.TB, ids ...string) (*nodeUnderTest, *loopFake) {
	return newLoopNodeOn(t, nil, ids...)
}

// newLoopNodeOn is newLoopNode with these interfaces of the kernel only.
func newLoopNodeOn(t testing.TB, only *mount.Features, ids ...string) (*nodeUnderTest, *loopFake) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	backend := &loopFake{dir: filepath.Join(dir, "pool")}
	require.NoError(t, os.Mkdir(backend.dir, 0o755))
	for _, id := range ids {
		require.NoError(t, os.WriteFile(backend.image(id), nil, 0o600))
		require.NoError(t, os.Truncate(backend.image(id), imageSize))
	}
	n := startNode(t, backend, dir, csi.Options{Mounts: &mount.Kernel{Only: only}})
	return n, backend
}

func fstype(name string) func(*csipb.NodeStageVolumeRequest) {
	return func(r *csipb.NodeStageVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, name)
	}
}

func asFilesystem(name string) func(*csipb.NodePublishVolumeRequest) {
	return func(r *csipb.NodePublishVolumeRequest) {
		r.VolumeCapability = mountAccess(csi.SingleNodeMultiWriter, name)
	}
}

func forReading(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }

// read and write use a published volume as a pod does.
func (n *nodeUnderTest) write(dir, data string) {
	n.Helper()
	require.NoError(n, os.WriteFile(filepath.Join(dir, "data"), []byte(data), 0o600))
}

func (n *nodeUnderTest) read(dir string) string {
	n.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "data"))
	require.NoError(n, err)
	return string(data)
}

func (n *nodeUnderTest) usage(id, path string) *csipb.VolumeUsage {
	n.Helper()
	r, err := n.NodeGetVolumeStats(n.Context(), &csipb.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: path})
	require.NoError(n, err)
	return r.GetUsage()[0]
}

// mounts counts the mounts below the test's directory.
func (n *nodeUnderTest) mounts() (count int) {
	n.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(n, err)
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, " "+n.dir+"/") {
			count++
		}
	}
	return count
}

func syncFile(t *testing.T, path string) {
	f, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, errors.Join(f.Sync(), f.Close()))
}

func copyImage(t *testing.T, from, to string) {
	out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// detached waits until the volume has no loop device: other processes that look
// for theirs hold each of them for an instant, and meanwhile it keeps its size.
func (f *loopFake) detached(t testing.TB, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return f.device(t, id) == "" }, 5*time.Second, 10*time.Millisecond)
}
