package looptest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A Namespace is a thread with a mount namespace of its own, as a pod has one
// with the hostPath / and no mountPropagation. It has a copy of each mount below
// one directory that there was when it began.
type Namespace struct {
	t    testing.TB
	task string // of the thread, below /proc
	stop chan struct{}
	end  sync.Once
}

// Copy makes a [Namespace], which ends with the test at the latest. It lets go at
// once of the mounts of other tests, which run at the same time and are not to
// wait for it: a thread does that in a fraction of the time that a process takes.
func Copy(t testing.TB, dir string) *Namespace {
	t.Helper()
	NeedRoot(t)
	n := &Namespace{t: t, stop: make(chan struct{})}
	ready := make(chan error, 1)
	go func() {
		if err := Apart(func() error {
			n.task = fmt.Sprintf("/proc/%d/task/%d", os.Getpid(), unix.Gettid())
			ready <- n.letGo(dir)
			<-n.stop
			return nil
		}); err != nil {
			ready <- err
		}
	}()
	err := <-ready
	t.Cleanup(n.End)
	require.NoError(t, err)
	return n
}

// Apart runs f in a thread that ends with it and has a mount namespace of its own:
// what f mounts and unmounts stays there. It has copies of all mounts that there
// are: those of other tests too, who find them in use for as long as f takes.
func Apart(f func() error) error {
	result := make(chan error, 1)
	go onThread(func() {
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = f()
		}
		result <- err
	})
	return <-result
}

// onThread runs f in a thread that ends with it. The first one of a process cannot.
func onThread(f func()) {
	runtime.LockOSThread() // and never unlocked
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
	runtime.UnlockOSThread()
}

// letGo unmounts, in the namespace, what other tests have mounted.
func (n *Namespace) letGo(dir string) error {
	table, err := os.ReadFile(n.task + "/mountinfo")
	for _, line := range slices.Backward(strings.Split(string(table), "\n")) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := fields[4]
		if below(point, os.TempDir()) && !below(point, dir) && !below(dir, point) {
			err = errors.Join(err, unix.Unmount(point, unix.MNT_DETACH))
		}
	}
	return err
}

func below(path, dir string) bool { return strings.HasPrefix(path+"/", dir+"/") }

// End ends the thread and its copies; the kernel may take a moment more for them.
func (n *Namespace) End() {
	n.end.Do(func() {
		close(n.stop)
		require.Eventually(n.t, func() bool {
			_, err := os.Stat(n.task)
			return errors.Is(err, os.ErrNotExist)
		}, time.Minute, time.Millisecond)
	})
}

// Run runs a command in the namespace, which must succeed.
func (n *Namespace) Run(command ...string) {
	n.t.Helper()
	args := append([]string{"--mount=" + n.task + "/ns/mnt", "--root=" + n.task + "/root", "--"}, command...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	require.NoError(n.t, err, "%s", out)
}
