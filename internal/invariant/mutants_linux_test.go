package invariant_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

// Each test breaks one invariant on purpose. The check must find nothing before
// and exactly that afterwards.

func caught(t *testing.T, found []invariant.Violation, what ...string) {
	t.Helper()
	require.Len(t, found, len(what), "%v", found)
	for i, v := range found {
		require.Contains(t, v.String(), what[i])
		require.NotEmpty(t, v.Invariant)
	}
}

func bind(t *testing.T, source, target string, flags uintptr) {
	t.Helper()
	require.NoError(t, unix.Mount(source, target, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	if flags != 0 {
		require.NoError(t, unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""))
	}
}

func mkdir(t *testing.T, path string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(path, 0o700))
	return path
}

func TestTargets_StackedMounts(t *testing.T) {
	looptest.NeedRoot(t)
	dir := t.TempDir()
	source, target := mkdir(t, dir+"/source"), mkdir(t, dir+"/a target")
	at := invariant.Target{Path: target}
	require.Empty(t, invariant.Targets(at), "nothing is mounted")
	bind(t, source, target, 0)
	require.Empty(t, invariant.Targets(at))
	bind(t, source, target, 0)
	caught(t, invariant.Targets(at, invariant.Target{Path: source}), "2 mounts are stacked")
}

func TestTargets_Writable(t *testing.T) {
	looptest.NeedRoot(t)
	dir := t.TempDir()
	source := mkdir(t, dir+"/source")
	for name, read := range map[string]uintptr{"rw": 0, "ro": unix.MS_RDONLY} {
		target := mkdir(t, filepath.Join(dir, name))
		bind(t, source, target, read)
		require.Empty(t, invariant.Targets(invariant.Target{Path: target}))
	}
	node := filepath.Join(dir, "node")
	require.NoError(t, os.WriteFile(node, nil, 0o600))
	bind(t, looptest.Device(t, 1<<20), node, 0)
	found := invariant.Targets(
		invariant.Target{Path: dir + "/ro", ReadOnly: true}, invariant.Target{Path: dir + "/rw", ReadOnly: true}, invariant.Target{Path: node, ReadOnly: true})
	caught(t, found, "/rw can be written", "/node can be written")
	require.NoError(t, unix.Mount("", node, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	require.Empty(t, invariant.Targets(invariant.Target{Path: node, ReadOnly: true}))
}

func TestFree_HeldDevice(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 1<<20)
	require.Empty(t, invariant.Free(image), "not attached")
	device := looptest.Attach(t, image)
	reader, err := os.Open(device)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	require.Empty(t, invariant.Free(image), "a reader does not matter")
	holder, err := os.OpenFile(device, os.O_RDONLY|unix.O_EXCL, 0)
	require.NoError(t, err)
	caught(t, invariant.Free(image), device)
	require.NoError(t, holder.Close())
	require.Empty(t, invariant.Free(image))
	caught(t, invariant.Free(image+"-missing"), "could not be checked")
}

// TestLeftovers_Each makes one leftover of each kind.
func TestLeftovers_Each(t *testing.T) {
	looptest.NeedRoot(t)
	marker := "CSIKIT_INVARIANT_TEST=" + t.TempDir()
	for what, leave := range map[string]func(t *testing.T, dir string){
		"is still mounted": func(t *testing.T, dir string) { bind(t, dir, mkdir(t, dir+"/kept"), 0) },
		"is still attached": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(dir+"/kept/image", make([]byte, 1<<20), 0o600))
			looptest.Attach(t, dir+"/kept/image")
		},
		"is left (a file)":      func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir+"/empty/x", nil, 0o600)) },
		"is left (a directory)": func(t *testing.T, dir string) { mkdir(t, dir+"/empty/x") },
		"is left: sleep": func(t *testing.T, _ string) {
			cmd := exec.Command("sleep", "100")
			cmd.Env = append(os.Environ(), marker)
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			mkdir(t, dir+"/empty")
			mkdir(t, dir+"/kept")
			require.NoError(t, os.WriteFile(dir+"/empty/lock", nil, 0o600))
			s := invariant.Scope{Dir: dir, Empty: []string{dir + "/empty", dir + "/never"}, Keep: []string{dir + "/empty/lock"}, Marker: marker}
			require.Empty(t, invariant.Leftovers(s))
			leave(t, dir)
			caught(t, invariant.Leftovers(s), what)
		})
	}
}

// TestLeftovers_DeletedImage: a device whose file has been deleted is found.
func TestLeftovers_DeletedImage(t *testing.T) {
	looptest.NeedRoot(t)
	dir := t.TempDir()
	image := dir + "/image"
	require.NoError(t, os.WriteFile(image, make([]byte, 1<<20), 0o600))
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	require.NoError(t, err)
	device, err := loopdev.Attach(t.Context(), f, loopdev.Options{})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.Remove(image))
	caught(t, invariant.Leftovers(invariant.Scope{Dir: dir}), "is still attached")
	require.NoError(t, loopdev.Detach(device))
	require.NoError(t, device.Close())
	require.Empty(t, invariant.Leftovers(invariant.Scope{Dir: dir}))
}

func TestLeftovers_AliveProcess(t *testing.T) {
	looptest.NeedRoot(t)
	s := invariant.Scope{Dir: t.TempDir(), Marker: "CSIKIT_INVARIANT_ALIVE=" + t.TempDir()}
	cmd := exec.Command("sleep", "100")
	cmd.Env = append(os.Environ(), s.Marker)
	require.NoError(t, cmd.Start())
	s.Alive = []int{cmd.Process.Pid}
	require.Empty(t, invariant.Leftovers(s))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	s.Alive = nil
	require.Empty(t, invariant.Leftovers(s))
}

func TestLedger_LostAndChangedFiles(t *testing.T) {
	dir := t.TempDir()
	var l invariant.Ledger
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, l.Write(dir, name, []byte("content of "+name)))
	}
	require.Equal(t, 3, l.Len())
	require.Empty(t, l.Check(dir))
	require.Error(t, l.Write(dir, "a", []byte("again")), "what is promised is not replaced")
	require.NoError(t, os.Remove(dir+"/a"))
	require.NoError(t, os.Truncate(dir+"/b", 3))
	require.NoError(t, os.WriteFile(dir+"/c", []byte("content of C"), 0o600))
	caught(t, l.Check(dir), "a is lost", "b has other content", "c has other content")
	require.Error(t, l.Write(dir+"/missing", "d", nil))
	require.Equal(t, 3, l.Len(), "what failed is not promised")
}

func TestBlocks_LostWrites(t *testing.T) {
	path := t.TempDir() + "/image"
	require.NoError(t, os.WriteFile(path, make([]byte, 64<<10), 0o600))
	var b invariant.Blocks
	require.NoError(t, b.Write(path, 4096, []byte("one")))
	require.NoError(t, b.Write(path, 32<<10, []byte("two")))
	require.Empty(t, b.Check(path))
	require.NoError(t, os.Truncate(path, 16<<10))
	caught(t, b.Check(path), "at byte 32768: cannot be read")
	require.NoError(t, os.WriteFile(path, make([]byte, 64<<10), 0o600))
	caught(t, b.Check(path), "at byte 4096: other data", "at byte 32768: other data")
}

func TestImage_Written(t *testing.T) {
	path := t.TempDir() + "/image"
	require.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	require.NoError(t, os.Truncate(path, 1<<20))
	before, err := invariant.ImageOf(path)
	require.NoError(t, err)
	require.Empty(t, before.Check(path))
	require.NoError(t, os.Truncate(path, 2<<20))
	require.Empty(t, before.Check(path), "growth by zeros is no write")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	write := func(at int64, text string) {
		_, err := f.WriteAt([]byte(text), at)
		require.NoError(t, err)
	}
	write(1<<19, "\x00\x00")
	require.Empty(t, before.Check(path), "nor are zeros in a hole")
	write(1<<19, "x")
	caught(t, before.Check(path), "was written to")
	write(1<<19, "\x00")
	write(1<<18, "data")
	caught(t, before.Check(path), "was written to")
	write(1<<18, "\x00\x00\x00\x00")
	require.Empty(t, before.Check(path))
	write(0, "DATA")
	caught(t, before.Check(path), "was written to")
	require.NoError(t, f.Truncate(1<<19))
	require.NoError(t, f.Close())
	caught(t, before.Check(path), "has shrunk")
	caught(t, before.Check(path+"-missing"), "could not be checked")
}

func TestLate(t *testing.T) {
	require.Empty(t, invariant.Late("NodeStageVolume", time.Second, time.Second))
	caught(t, invariant.Late("NodeStageVolume", time.Minute, time.Second), "NodeStageVolume took 1m0s, its deadline was 1s")
}
