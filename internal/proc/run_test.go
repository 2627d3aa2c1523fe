//go:build unix

package proc_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/proc"
)

func sh(script string) proc.Cmd { return proc.Cmd{Name: "sh", Args: []string{"-c", script}} }

func TestRunReturnsOutputAndStatus(t *testing.T) {
	r, err := proc.Run(t.Context(), sh("echo out; echo err >&2; exit 0"))
	require.NoError(t, err)
	require.Equal(t, "out\n", string(r.Stdout))
	require.Equal(t, "err\n", string(r.Stderr))

	r, err = proc.Run(t.Context(), sh("echo because >&2; exit 36"))
	var exit *proc.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 36, exit.Code)
	require.Equal(t, 36, r.ExitCode)
	require.Contains(t, err.Error(), "because")
}

func TestRunSaysWhatWasMissing(t *testing.T) {
	_, err := proc.Run(t.Context(), proc.Cmd{Name: "no-such-program-here"})
	require.ErrorIs(t, err, exec.ErrNotFound)
}

func TestRunNamesTheSignal(t *testing.T) {
	r, err := proc.Run(t.Context(), sh("kill -TERM $$"))
	require.ErrorContains(t, err, "terminated")
	require.Equal(t, -1, r.ExitCode)
}

func TestRunGivesAnEmptyStdinAndTheCLocale(t *testing.T) {
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	r, err := proc.Run(t.Context(), sh(`cat; echo "$LC_ALL $EXTRA"`+"; read x || echo empty"))
	require.NoError(t, err)
	require.Equal(t, "C \nempty\n", string(r.Stdout))

	c := sh(`cat; echo "$EXTRA"`)
	c.Stdin, c.Env = strings.NewReader("secret "), []string{"EXTRA=x"}
	r, err = proc.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "secret x\n", string(r.Stdout))
}

func TestRunPassesFiles(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("pinned")
	require.NoError(t, err)
	c := proc.Cmd{Name: "cat", Args: []string{proc.ChildPath(0)}, Files: []*os.File{f}}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs /proc")
	}
	r, err := proc.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "pinned", string(r.Stdout))
}

func TestRunBoundsOutput(t *testing.T) {
	r, err := proc.Run(t.Context(), sh("head -c 300000 /dev/zero | tr '\\0' x"))
	require.NoError(t, err)
	require.Len(t, r.Stdout, proc.MaxOutput)
	require.True(t, r.Truncated)
}

// The grandchild is in the group: it must be dead too, and the child reaped.
func TestRunKillsTheWholeGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("unstage came")
	done := make(chan error, 1)
	go func() {
		_, err := proc.Run(ctx, sh("sleep 600 & echo $! > "+pidFile+".tmp; mv "+pidFile+".tmp "+pidFile+"; wait"))
		done <- err
	}()
	var grandchild int
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(pidFile)
		grandchild, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil && grandchild > 0
	}, 10*time.Second, time.Millisecond)
	cancel(cause)
	err := <-done
	require.ErrorIs(t, err, cause)
	require.Eventually(t, func() bool { return gone(grandchild) }, 10*time.Second, time.Millisecond)
}

// gone says that no such process runs: it was killed, reaped or not.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestRunDoesNotStartAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mark := filepath.Join(t.TempDir(), "mark")
	_, err := proc.Run(ctx, sh("touch "+mark))
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, mark)
}

// A daemon that keeps the child's streams must not keep Run.
func TestRunDoesNotWaitForADaemon(t *testing.T) {
	start := time.Now()
	r, err := proc.Run(t.Context(), sh("sleep 20 & echo $!"))
	require.NoError(t, err)
	require.Less(t, time.Since(start), 10*time.Second)
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Stdout)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}
