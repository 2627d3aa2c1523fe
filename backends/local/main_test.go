//go:build linux

package local_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// contextBackground is the context of children, which have no test.
var contextBackground = context.Background()

// children are what a test runs in a process of its own, to kill it or to have
// two on one pool.
var children = map[string]func(b *local.Backend, args []string) error{}

func TestMain(m *testing.M) {
	name, pool := os.Getenv("LOCAL_TEST_CHILD"), os.Getenv("LOCAL_TEST_POOL")
	if name == "" {
		os.Exit(m.Run())
	}
	b, err := local.New(local.Options{Pool: pool, Node: "n1", Overcommit: 100, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = children[name](b, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child prepares a process that runs children[name].
func child(t testing.TB, pool, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "LOCAL_TEST_CHILD="+name, "LOCAL_TEST_POOL="+pool)
	cmd.Stderr = t.Output()
	return cmd
}

// newPool makes a pool: a directory of the test, or, if a type is given, a new
// file system of that size.
func newPool(t testing.TB, fstype string, size int64) string {
	t.Helper()
	looptest.NeedRoot(t)
	if fstype == "" {
		return looptest.Dir(t)
	}
	device, dir := looptest.Device(t, size), looptest.Dir(t)
	makeFS(t, fstype, device)
	mount(t, device, dir, fstype, "")
	return dir
}

func makeFS(t testing.TB, fstype, device string) {
	t.Helper()
	if _, err := exec.LookPath("mkfs." + fstype); err != nil {
		t.Skip("needs mkfs." + fstype)
	}
	run(t, "mkfs."+fstype, "-q", device)
}

func mount(t testing.TB, device, dir, fstype, data string) {
	t.Helper()
	require.NoError(t, unix.Mount(device, dir, fstype, 0, data))
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

func open(t testing.TB, pool string, change ...func(*local.Options)) *local.Backend {
	t.Helper()
	o := local.Options{Pool: pool, Node: "n1", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&o)
	}
	b, err := local.New(o)
	require.NoError(t, err)
	return b
}

func spec(name string, size int64) csi.VolumeSpec {
	return csi.VolumeSpec{Name: name, Size: csi.SizeRange{Required: size}}
}

func create(t testing.TB, b *local.Backend, name string, size int64) *csi.Volume {
	t.Helper()
	v, err := b.CreateVolume(t.Context(), spec(name, size))
	require.NoError(t, err)
	return v
}

// locate attaches a volume until the end of the test.
func locate(t testing.TB, b *local.Backend, v csi.NodeVolume) csi.Device {
	t.Helper()
	source, err := b.Locate(t.Context(), v)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = b.Release(context.WithoutCancel(t.Context()), csi.NodeVolume{ID: v.ID, Ephemeral: v.Ephemeral})
	})
	return source.(csi.Device)
}

// stage attaches and mounts a volume, with a new file system if it is given.
func stage(t testing.TB, b *local.Backend, id, mkfs, fstype string) (dir string) {
	t.Helper()
	d := locate(t, b, csi.NodeVolume{ID: id})
	if mkfs != "" {
		makeFS(t, mkfs, d.Path)
	}
	dir = looptest.Dir(t)
	data := ""
	if fstype == "xfs" {
		data = "nouuid"
	}
	mount(t, d.Path, dir, fstype, data)
	return dir
}

// unstage undoes stage.
func unstage(t testing.TB, b *local.Backend, id, dir string) {
	t.Helper()
	require.NoError(t, unix.Unmount(dir, 0))
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id}))
}

// fill writes n bytes of a pattern to a new file and returns their checksum.
func fill(t testing.TB, path string, n int, seed byte) [32]byte {
	t.Helper()
	data := bytes.Repeat([]byte{seed, 1, 2, 3, 5, 7, seed, 11}, n/8)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return sha256.Sum256(data)
}

func sum(t testing.TB, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return [32]byte(h.Sum(nil))
}

// image returns the path of the image of an id.
func image(pool, kind, id string) string {
	return filepath.Join(pool, kind, filepath.Base(id), "image")
}

// allocated returns how many bytes a file occupies.
func allocated(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Blocks * 512
}

// tree lists everything below the pool's directories of entries.
func tree(t testing.TB, pool string) (paths []string) {
	t.Helper()
	for _, kind := range []string{"volumes", "snapshots", "ephemeral", "frozen"} {
		found, err := filepath.Glob(filepath.Join(pool, kind, "*"))
		require.NoError(t, err)
		hidden, err := filepath.Glob(filepath.Join(pool, kind, ".*"))
		require.NoError(t, err)
		for _, path := range append(found, hidden...) {
			rel, _ := filepath.Rel(pool, path)
			paths = append(paths, rel)
		}
	}
	return paths
}

func ids(t testing.TB, b *local.Backend) (out []string) {
	t.Helper()
	for v, err := range b.ListVolumes(t.Context(), csi.ListQuery{}) {
		require.NoError(t, err)
		out = append(out, v.ID)
	}
	return out
}

// hashOf is how the package makes the directory of a name.
func hashOf(name string) string {
	h := sha256.Sum256([]byte(name))
	return hex.EncodeToString(h[:16])
}

func isAny(err error, kinds ...error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
