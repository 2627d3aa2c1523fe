package csitest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/internal/fault"
	"github.com/csikit/csikit/mount"
)

// rpcTimeout bounds every RPC of the kit.
const rpcTimeout = 2 * time.Minute

// A session is one check: a driver on the harness's storage, and the CO that
// talks to it. Restarts of the driver keep what outlives a process: the
// storage, the state directory and the mount table.
type session struct {
	tester
	h      Harness
	why    string
	dir    string // of this check: staging paths, targets, state
	table  mount.Table
	log    *logBuffer
	faults *faults
	driver *csi.Driver
	server *server
	offers offers
	nodeID string

	identity   csipb.IdentityClient
	controller csipb.ControllerClient
	groups     csipb.GroupControllerClient
	node       csipb.NodeClient

	serial  int
	objects []object // what the check has made, in order
}

func newSession(t tester, h Harness, why string) *session {
	t.Helper()
	s := &session{tester: t, h: h, why: why, dir: t.TempDir(), faults: &faults{}}
	s.log = &logBuffer{secrets: s.canaries()}
	s.table = newTable(h.Devices)
	return s
}

// start makes a driver as a new process does, and serves it.
func (s *session) start(edit ...func(*csi.Options)) {
	s.Helper()
	opts := s.options()
	for _, e := range edit {
		e(&opts)
	}
	s.startWith(s.h.Backend(), opts)
	s.ask()
	info, err := s.node.NodeGetInfo(s.ctx(), &csipb.NodeGetInfoRequest{})
	s.must("NodeGetInfo", err)
	s.nodeID = info.GetNodeId()
}

func (s *session) options() csi.Options {
	opts := s.h.Options
	opts.Version = "csitest"
	opts.StateDir = filepath.Join(s.dir, "state")
	opts.Logger = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.Level(-100)}))
	if !s.h.Devices {
		opts.Mounts = s.table
	}
	return opts
}

func (s *session) startWith(backend csi.Locator, opts csi.Options) {
	s.Helper()
	d, err := csi.New(driverName, backend, &opts)
	s.must("csi.New", err)
	d.FaultPoint(fault.Access{}).Set(s.faults)
	s.driver = d
	interceptors := []grpc.UnaryClientInterceptor{s.verify}
	if s.h.tamper != nil {
		interceptors = append(interceptors, s.h.tamper(s))
	}
	s.server, err = serve(d, grpc.WithChainUnaryInterceptor(interceptors...))
	s.must("serve", err)
	s.identity = csipb.NewIdentityClient(s.server.conn)
	s.controller = csipb.NewControllerClient(s.server.conn)
	s.groups = csipb.NewGroupControllerClient(s.server.conn)
	s.node = csipb.NewNodeClient(s.server.conn)
}

const driverName = "csitest.csikit.io"

// stop ends the driver, which must leave no goroutine and no socket.
func (s *session) stop() {
	s.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.stop(); err != nil {
		s.Errorf("%v", err)
	}
	s.server = nil
}

// restart is a crash and a new process: nothing but the storage, the state
// directory and the mounts is kept.
func (s *session) restart() {
	s.Helper()
	s.stop()
	s.start()
}

// close ends the session whatever has happened.
func (s *session) close() {
	s.faults.reset()
	s.stop()
	s.unmountLeft()
	end, leaked := s.log.tail()
	if leaked {
		s.Errorf("the driver's log holds the value of a secret")
	}
	if s.Failed() {
		s.Logf("the end of the driver's log:\n%s", end)
	}
}

// ctx is the context of one RPC.
func (s *session) ctx() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), rpcTimeout)
	_ = cancel // it ends with the check's context
	return ctx
}

// Errorf fails the check and states its rule.
func (s *session) Errorf(format string, args ...any) {
	s.Helper()
	s.tester.Errorf("%s\n    The rule: %s", fmt.Sprintf(format, args...), s.why)
}

// Fatalf is Errorf, and ends the check.
func (s *session) Fatalf(format string, args ...any) {
	s.Helper()
	s.tester.Fatalf("%s\n    The rule: %s", fmt.Sprintf(format, args...), s.why)
}

// must ends the check unless err is nil.
func (s *session) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// wantCode fails the check unless err has one of the codes.
func (s *session) wantCode(what string, err error, want ...codes.Code) {
	s.Helper()
	got := status.Code(err)
	for _, c := range want {
		if got == c {
			return
		}
	}
	s.Errorf("%s: got %v (%v), want %v", what, got, err, want)
}

// path returns a path below the check's directory whose parents exist.
func (s *session) path(elem ...string) string {
	p := filepath.Join(append([]string{s.dir}, elem...)...)
	s.must("mkdir", os.MkdirAll(filepath.Dir(p), 0o750))
	return p
}

// name returns a new name for a volume or a snapshot.
func (s *session) name(kind string) string {
	s.serial++
	return fmt.Sprintf("%s-%d", kind, s.serial)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
