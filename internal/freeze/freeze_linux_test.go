package freeze_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/freeze"
	"github.com/csikit/csikit/internal/looptest"
)

const mib = 1 << 20

// A child freezes the directory given, says so, and waits to be killed.
func TestMain(m *testing.M) {
	path := os.Getenv("FREEZE_CHILD")
	if path == "" {
		os.Exit(m.Run())
	}
	root, err := os.Open(path)
	if err == nil {
		err = freeze.While(root, func() error {
			fmt.Println("frozen")
			for { // not select {}, which Go without C takes for a deadlock
				_ = unix.Pause()
			}
		})
	}
	fmt.Println(err)
	os.Exit(1)
}

var sizes = map[string]int64{"ext4": 32 * mib, "xfs": 320 * mib, "btrfs": 128 * mib}

func mounted(t *testing.T, fstype string) (device string, root *os.File) {
	t.Helper()
	device, dir := looptest.Device(t, sizes[fstype]), looptest.Dir(t)
	out, err := exec.Command("mkfs."+fstype, "-q", device).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, unix.Mount(device, dir, fstype, 0, ""))
	t.Cleanup(func() {
		_ = exec.Command("fsfreeze", "--unfreeze", dir).Run()
		// The guard of a killed process holds the mount until it has ended.
		require.Eventually(t, func() bool { return unix.Unmount(dir, 0) == nil }, 10*time.Second, 5*time.Millisecond)
	})
	root, err = freeze.Root(device)
	require.NoError(t, err)
	require.NotNil(t, root)
	require.Equal(t, dir, root.Name())
	t.Cleanup(func() { _ = root.Close() })
	return device, root
}

// write starts a write; the channel gets its result, late if it is frozen.
func write(root *os.File) <-chan error {
	done := make(chan error, 1)
	go func() { done <- os.WriteFile(filepath.Join(root.Name(), "f"), []byte("x"), 0o600) }()
	return done
}

func requireFrozen(t *testing.T, written <-chan error) {
	t.Helper()
	select {
	case err := <-written:
		t.Fatalf("a write went through: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
}

func requireThawed(t *testing.T, written <-chan error) {
	t.Helper()
	select {
	case err := <-written:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("it stays frozen")
	}
}

func TestWhile_StopsWritersAndLetsThemGo(t *testing.T) {
	looptest.NeedRoot(t)
	failed := errors.New("copy failed")
	for fstype := range sizes {
		t.Run(fstype, func(t *testing.T) {
			_, root := mounted(t, fstype)
			var written <-chan error
			for _, want := range []error{nil, failed} {
				err := freeze.While(root, func() error {
					written = write(root)
					requireFrozen(t, written)
					return want
				})
				require.ErrorIs(t, err, want)
				requireThawed(t, written)
			}
			require.Panics(t, func() { _ = freeze.While(root, func() error { panic("x") }) })
			requireThawed(t, write(root))
		})
	}
}

func TestWhile_NoticesThatSomebodyElseThawed(t *testing.T) {
	looptest.NeedRoot(t)
	_, root := mounted(t, "ext4")
	require.ErrorIs(t, freeze.While(root, func() error { return freeze.Thaw(root) }), freeze.ErrThawed)
	require.ErrorIs(t, freeze.Thaw(root), freeze.ErrThawed)
	err := freeze.While(root, func() error {
		err := freeze.While(root, func() error { return errors.New("must not run") })
		require.ErrorIs(t, err, freeze.ErrCannot, "frozen by another")
		return nil
	})
	require.NoError(t, err, "and not thawed by the one that could not freeze")
}

func TestWhile_RefusesWhatCannotBeFrozenOrGuarded(t *testing.T) {
	looptest.NeedRoot(t)
	proc, err := os.Open("/proc")
	require.NoError(t, err)
	defer func() { _ = proc.Close() }()
	require.ErrorIs(t, freeze.While(proc, func() error { panic("must not run") }), freeze.ErrCannot)
	_, root := mounted(t, "ext4")
	t.Setenv("PATH", "/nowhere")
	err = freeze.While(root, func() error { panic("must not run") })
	require.ErrorIs(t, err, freeze.ErrCannot)
	require.ErrorContains(t, err, "util-linux")
}

// freezeInChild returns a process that has frozen root, and its guard.
func freezeInChild(t *testing.T, root *os.File) (process *os.Process, guard int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FREEZE_CHILD="+root.Name())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "frozen\n", line)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
	require.NoError(t, err)
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(children))); err == nil {
			guard = pid
		}
	}
	require.NotZero(t, guard)
	return cmd.Process, guard
}

func TestGuard_ThawsWhenTheProcessIsKilled(t *testing.T) {
	looptest.NeedRoot(t)
	for fstype := range sizes {
		t.Run(fstype, func(t *testing.T) {
			_, root := mounted(t, fstype)
			process, _ := freezeInChild(t, root)
			written := write(root)
			requireFrozen(t, written)
			require.NoError(t, process.Kill())
			requireThawed(t, written)
		})
	}
}

func TestThawImage_WhenTheGuardWasKilledToo(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, 32*mib)
	device, dir := looptest.Attach(t, image), looptest.Dir(t)
	out, err := exec.Command("mkfs.ext4", "-q", device).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, freeze.ThawImage(image), "not mounted")
	require.NoError(t, unix.Mount(device, dir, "ext4", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	require.NoError(t, freeze.ThawImage(image), "not frozen")
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer func() { _ = root.Close() }()

	process, guard := freezeInChild(t, root)
	require.NoError(t, unix.Kill(guard, unix.SIGKILL))
	require.NoError(t, process.Kill())
	written := write(root)
	requireFrozen(t, written)
	require.NoError(t, freeze.ThawImage(image))
	requireThawed(t, written)
	require.NoError(t, freeze.ThawImage(image+".none"))
}

func TestRoot_FindsTheMountThatIsSeen(t *testing.T) {
	looptest.NeedRoot(t)
	unmounted, err := freeze.Root(looptest.Device(t, mib))
	require.NoError(t, err)
	require.Nil(t, unmounted)
	device, root := mounted(t, "ext4")
	require.NoError(t, unix.Mount("tmpfs", root.Name(), "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(root.Name(), 0) })
	_, err = freeze.Root(device)
	require.ErrorIs(t, err, freeze.ErrCannot)
	require.ErrorContains(t, err, "hidden below another mount")
	second := looptest.Dir(t)
	require.NoError(t, unix.Mount(device, second, "ext4", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(second, 0)) })
	found, err := freeze.Root(device)
	require.NoError(t, err)
	require.Equal(t, second, found.Name())
	require.NoError(t, errors.Join(found.Close(), unix.Unmount(root.Name(), 0)))
	_, err = freeze.Root("/dev/none")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFlush_OfADeviceThatIsNotMounted(t *testing.T) {
	looptest.NeedRoot(t)
	image := looptest.Image(t, mib)
	device := looptest.Attach(t, image)
	require.NoError(t, os.WriteFile(device, []byte("cached"), 0o600))
	require.NoError(t, freeze.Flush(device, nil))
	got, err := os.ReadFile(image)
	require.NoError(t, err)
	require.Equal(t, "cached", string(got[:6]))
	require.Error(t, freeze.Flush("/dev/none", nil))
}
