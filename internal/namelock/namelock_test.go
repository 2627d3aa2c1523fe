package namelock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/internal/namelock"
)

func TestMain(m *testing.M) {
	path := os.Getenv("NAMELOCK_HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	_, err := namelock.File(path).TryLock("a", namelock.Exclusive)
	fmt.Println("held", err)
	select {}
}

func newFile(t *testing.T) namelock.File {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("open file description locks are Linux's")
	}
	return namelock.File(filepath.Join(t.TempDir(), "lock"))
}

// A locker is a File or a Kept.
type locker interface {
	TryLock(name string, m namelock.Mode) (unlock func(), err error)
	Lock(ctx context.Context, name string, m namelock.Mode) (unlock func(), err error)
}

// both runs a test of what the two have in common.
func both(t *testing.T, test func(*testing.T, locker)) {
	t.Run("File", func(t *testing.T) { test(t, newFile(t)) })
	t.Run("Kept", func(t *testing.T) {
		k := newFile(t).Keep()
		t.Cleanup(k.Close)
		test(t, k)
	})
}

func TestModes(t *testing.T) { both(t, testModes) }

func testModes(t *testing.T, f locker) {
	one, err := f.TryLock("a", namelock.Shared)
	require.NoError(t, err)
	two, err := f.TryLock("a", namelock.Shared)
	require.NoError(t, err)
	_, err = f.TryLock("a", namelock.Exclusive)
	require.ErrorIs(t, err, namelock.ErrLocked)
	one()
	_, err = f.TryLock("a", namelock.Exclusive)
	require.ErrorIs(t, err, namelock.ErrLocked)
	two()
	three, err := f.TryLock("a", namelock.Exclusive)
	require.NoError(t, err)
	_, err = f.TryLock("a", namelock.Shared)
	require.ErrorIs(t, err, namelock.ErrLocked)
	other, err := f.TryLock("b", namelock.Exclusive)
	require.NoError(t, err, "another name is free")
	other()
	three()
}

func TestLock_ExcludesWithinAProcess(t *testing.T) { both(t, testExcludesWithinAProcess) }

func testExcludesWithinAProcess(t *testing.T, f locker) {
	var inside atomic.Int32
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for range 10 {
				unlock, err := f.Lock(context.Background(), "a", namelock.Exclusive)
				if err != nil {
					return err
				}
				if inside.Add(1) != 1 {
					return errors.New("two are inside")
				}
				inside.Add(-1)
				unlock()
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
}

func TestLock_EndsWithItsContext(t *testing.T) { both(t, testEndsWithItsContext) }

func testEndsWithItsContext(t *testing.T, f locker) {
	unlock, err := f.Lock(t.Context(), "a", namelock.Exclusive)
	require.NoError(t, err)
	defer unlock()
	cause := errors.New("the volume is deleted")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, cause)
	defer cancel()
	_, err = f.Lock(ctx, "a", namelock.Shared)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, namelock.ErrLocked)
	require.ErrorContains(t, err, `lock "a"`)
}

func TestKilledProcess_HoldsNothing(t *testing.T) {
	f := newFile(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NAMELOCK_HOLD="+string(f))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held <nil>\n", line)
	_, err = f.TryLock("a", namelock.Exclusive)
	require.ErrorIs(t, err, namelock.ErrLocked, "another process holds it")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	unlock, err := f.TryLock("a", namelock.Exclusive)
	require.NoError(t, err)
	unlock()
}

func TestErrors(t *testing.T) {
	_, err := namelock.File(filepath.Join(t.TempDir(), "none", "lock")).Lock(t.Context(), "a", namelock.Shared)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func ExampleFile() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	locks := namelock.File(filepath.Join(dir, "lock"))
	unlock, _ := locks.Lock(context.Background(), "volume 7", namelock.Exclusive)
	_, err := locks.TryLock("volume 7", namelock.Shared)
	fmt.Println(errors.Is(err, namelock.ErrLocked))
	unlock()
	// Output: true
}
