//go:build linux

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

const nodeName = "node"

// rpcDeadline is what the sidecars would give, and more for loaded machines and
// for those that are emulated.
var rpcDeadline = func() time.Duration {
	if os.Getenv("CSIKIT_IN_VM") != "" {
		return 5 * time.Minute
	}
	return time.Minute
}()

// driverBinary builds the driver, unless CSIKIT_CRASH_DRIVER is one.
var driverBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CSIKIT_CRASH_DRIVER"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "csikit-crash")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "driver")
	out, err := exec.Command("go", "build", "-tags", "csikit_crash", "-o", path, "github.com/csikit/csikit/examples/local").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the driver: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := driverBinary(); err == nil && os.Getenv("CSIKIT_CRASH_DRIVER") == "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// forks is held to start a process, and shared to have files of a volume open: a
// child has all open files of its parent until it runs its program, and would
// keep a volume busy that another test unmounts.
var forks sync.RWMutex

// launch starts a process.
func launch(cmd *exec.Cmd) error {
	forks.Lock()
	defer forks.Unlock()
	return cmd.Start()
}

// A host is a node with a pool, on which driver processes live and die.
type host struct {
	binary, dir, marker string
	next                atomic.Int64
	mu                  sync.Mutex
	alive               map[int]bool
	late                []invariant.Violation
}

// newHost makes a node.
func newHost(t testing.TB) *host {
	t.Helper()
	looptest.NeedRoot(t)
	binary, err := driverBinary()
	require.NoError(t, err)
	dir := filepath.Join(inMemory(t), "csikit-crash"+strconv.FormatInt(time.Now().UnixNano(), 36))
	require.NoError(t, os.Mkdir(dir, 0o700))
	h := &host{binary: binary, dir: dir, marker: "CSIKIT_CRASH_RUN=" + dir, alive: map[int]bool{}}
	for _, d := range []string{"pool", "state", "staging", "pods"} {
		require.NoError(t, os.Mkdir(h.path(d), 0o700))
	}
	t.Cleanup(func() { h.remove(t) })
	return h
}

// inMemory makes a directory, in memory if there is room: a SIGKILL does not lose
// what is in memory, and a disk would only make the tests slower. It is not below
// /dev/shm: a container that has the host's /dev copies all mounts there, and
// keeps what the driver has unmounted alive.
func inMemory(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp("", "csikit-crash")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(base)) })
	var room syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &room) == nil && int64(room.Bavail)*room.Bsize > 2<<30 {
		require.NoError(t, syscall.Mount("tmpfs", base, "tmpfs", 0, "mode=700"))
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(base, 0)) })
	}
	return base
}

func (h *host) path(elements ...string) string {
	return filepath.Join(append([]string{h.dir}, elements...)...)
}

// scope is all that belongs to the host.
func (h *host) scope() invariant.Scope {
	s := invariant.Scope{Dir: h.dir, Marker: h.marker, Empty: []string{h.path("pool"), h.path("state"), h.path("staging"), h.path("pods")}}
	for _, d := range []string{".csikit-pool", "lock", "volumes", "snapshots", "ephemeral", "frozen"} {
		s.Keep = append(s.Keep, h.path("pool", d))
	}
	s.Keep = append(s.Keep, h.path("state", "volumes"), h.path("state", "targets"), h.path("state", "lock"))
	h.mu.Lock()
	defer h.mu.Unlock()
	for pid := range h.alive {
		s.Alive = append(s.Alive, pid)
	}
	return s
}

// remove takes away what a failed test has left, and the directory.
func (h *host) remove(t testing.TB) {
	h.mu.Lock()
	for pid := range h.alive {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	h.mu.Unlock()
	for range 10 {
		points, _ := invariant.Mounts(h.dir)
		for _, p := range points {
			_ = syscall.Unmount(p, syscall.MNT_DETACH)
		}
	}
	closeMappings(h.dir)
	loops, _ := invariant.Loops(h.dir)
	for _, l := range loops {
		_ = exec.Command("losetup", "-d", l).Run()
	}
	if points, _ := invariant.Mounts(h.dir); len(points) == 0 {
		require.NoError(t, os.RemoveAll(h.dir))
	}
}

// A driver is one process and a connection to it.
type driver struct {
	h          *host
	cmd        *exec.Cmd
	dir        string
	log        *log
	ended      chan struct{}
	conn       *grpc.ClientConn
	node       csipb.NodeClient
	controller csipb.ControllerClient
	identity   csipb.IdentityClient
}

// A log is what a process wrote to its standard error.
type log struct {
	mu   sync.Mutex
	text []byte
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// start starts a process that dies before its nth step; 0 is never.
func (h *host) start(crashAt int, flags ...string) (*driver, error) {
	dir := h.path(fmt.Sprintf("socket-%d", h.next.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	d := &driver{h: h, dir: dir, log: new(log), ended: make(chan struct{})}
	args := append([]string{"--endpoint=unix://" + d.socket(), "--node-id=" + nodeName, "--pool=" + h.path("pool"),
		"--state-dir=" + h.path("state"), "--overcommit=1000"}, flags...)
	d.cmd = exec.Command(h.binary, args...)
	d.cmd.Env = append(os.Environ(), h.marker, fmt.Sprintf("CSIKIT_CRASH_AT=%d", crashAt), "CSIKIT_CRASH_TRACE=1", "CSIKIT_CHEAP_KEYS=1")
	d.cmd.Stderr = d.log
	if err := launch(d.cmd); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.alive[d.cmd.Process.Pid] = true
	h.mu.Unlock()
	go func() {
		_ = d.cmd.Wait()
		close(d.ended)
	}()
	return d, d.connect()
}

func (d *driver) socket() string { return filepath.Join(d.dir, "csi.sock") }

// connect waits until the process listens, or has died before that.
func (d *driver) connect() error {
	for {
		c, err := net.Dial("unix", d.socket())
		if err == nil {
			_ = c.Close()
			break
		}
		select {
		case <-d.ended:
			return fmt.Errorf("the driver did not start: %s", d.log)
		case <-time.After(time.Millisecond):
		}
	}
	var err error
	d.conn, err = grpc.NewClient("unix://"+d.socket(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(d.timed))
	d.node, d.controller, d.identity = csipb.NewNodeClient(d.conn), csipb.NewControllerClient(d.conn), csipb.NewIdentityClient(d.conn)
	return err
}

// timed gives every RPC a deadline and sees whether it is met.
func (d *driver) timed(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, rpcDeadline)
	defer cancel()
	deadline, _ := ctx.Deadline()
	began := time.Now()
	err := invoke(ctx, method, req, reply, cc, opts...)
	found := invariant.Late(method, time.Since(began), deadline.Sub(began))
	if errors.Is(err, context.DeadlineExceeded) {
		found = append(found, invariant.Late(method, 2*rpcDeadline, rpcDeadline)...)
	}
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	d.h.late = append(d.h.late, found...)
	return err
}

// kill ends the process as a crash does and waits until it has gone.
func (d *driver) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
	if d.conn != nil {
		_ = d.conn.Close()
	}
	_ = os.Remove(d.socket())
	entries, _ := os.ReadDir(d.dir)
	for _, e := range entries {
		_ = os.Remove(filepath.Join(d.dir, e.Name()))
	}
	_ = os.Remove(d.dir)
	d.h.mu.Lock()
	delete(d.h.alive, d.cmd.Process.Pid)
	d.h.mu.Unlock()
}

// crashed reports whether the process has killed itself. An RPC whose answer
// was lost is given a moment to be explained by that.
func (d *driver) crashed(err error) bool {
	wait := time.Duration(0)
	if csiLost(err) {
		wait = 2 * time.Second
	}
	select {
	case <-d.ended:
		status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
		return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	case <-time.After(wait):
		return false
	}
}

// steps counts the steps that the process has come to.
func (d *driver) steps() (names []string) {
	for line := range strings.Lines(d.log.String()) {
		if rest, ok := strings.CutPrefix(line, "crashpoint "); ok {
			_, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
			names = append(names, name)
		}
	}
	return names
}

// mayGrowExt4 is whether the kernel lets processes grow a mounted ext4.
var mayGrowExt4 = sync.OnceValue(func() bool {
	status, _ := os.ReadFile("/proc/self/status")
	var caps uint64
	for line := range strings.Lines(string(status)) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			_, _ = fmt.Sscanf(strings.TrimSpace(set), "%x", &caps)
		}
	}
	return caps>>24&1 == 1
})
