package looptest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Namespace is a process with a mount namespace of its own, as a pod has one
// with the hostPath / and no mountPropagation. It has a copy of each mount below
// one directory that there was when it began.
type Namespace struct {
	t     testing.TB
	child *exec.Cmd
	in    io.Closer
	end   sync.Once
}

// Copy makes a [Namespace], which ends with the test at the latest. It lets go at
// once of the mounts of other tests, which run at the same time and are not to
// wait for it.
func Copy(t testing.TB, dir string) *Namespace {
	t.Helper()
	NeedRoot(t)
	const script = `while read -r _ _ _ _ point _; do
		case $0/ in "$point"/*) continue ;; esac
		case $point in "$0"/*) ;; "$1"/*) umount -l "$point" ;; esac
	done </proc/self/mountinfo 2>/dev/null
	echo ready; read -r _`
	n := &Namespace{t: t, child: exec.Command("unshare", "-m", "sh", "-c", script, dir, os.TempDir())}
	in, err := n.child.StdinPipe()
	require.NoError(t, err)
	n.in = in
	out, err := n.child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, n.child.Start())
	t.Cleanup(n.End)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return n
}

// End ends the process and its copies; the kernel may take a moment more for them.
func (n *Namespace) End() {
	n.end.Do(func() {
		_ = n.in.Close()
		_ = n.child.Wait() // its read has failed
	})
}

// Run runs a command in the namespace, which must succeed.
func (n *Namespace) Run(command ...string) {
	n.t.Helper()
	args := append([]string{"-t", strconv.Itoa(n.child.Process.Pid), "-m", "--"}, command...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	require.NoError(n.t, err, "%s", out)
}
