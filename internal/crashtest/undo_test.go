//go:build linux

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/mount"
)

// A fault is what happens at the nth call that the driver makes to the kernel's
// mount table or to its backend.
type fault struct {
	name  string
	after bool // the call is made, and its result lost
	err   func(ofMounts bool) error
	// strike, if not nil, is done instead; heal takes it back after the RPC.
	strike, heal func(*host) error
}

var faults = []fault{
	{name: "final error before", err: finally},
	{name: "final error after", err: finally, after: true},
	{name: "unknown outcome before", err: unclassified},
	{name: "unknown outcome after", err: unclassified, after: true},
	{name: "state directory cannot be written from", strike: func(h *host) error { return remountState(h, unix.MS_RDONLY) }, heal: func(h *host) error { return remountState(h, 0) }},
}

func finally(ofMounts bool) error {
	if ofMounts {
		return fmt.Errorf("injected: %w", mount.ErrWrongDevice)
	}
	return fmt.Errorf("injected: %w", csi.ErrFailed)
}

func unclassified(bool) error { return errors.New("injected") }

func remountState(h *host, flags uintptr) error {
	return unix.Mount("", h.path("state"), "", unix.MS_REMOUNT|unix.MS_BIND|flags, "")
}

// An injector counts calls and does the fault at one of them.
type injector struct {
	h     *host
	fault fault
	at, n int // 0: none
	calls []string
}

func (i *injector) arm(f fault, at int) { i.fault, i.at, i.n, i.calls = f, at, 0, nil }

func (i *injector) call(name string, ofMounts bool, do func() error) error {
	i.n++
	i.calls = append(i.calls, name)
	if i.n != i.at {
		return do()
	}
	if i.fault.strike != nil {
		return errors.Join(i.fault.strike(i.h), do())
	}
	if i.fault.after {
		_ = do()
	}
	return i.fault.err(ofMounts)
}

type faultyMounts struct {
	mount.Table
	i *injector
}

func (m faultyMounts) Mount(ctx context.Context, what mount.Mount, target string) error {
	return m.i.call("Mount", true, func() error { return m.Table.Mount(ctx, what, target) })
}

func (m faultyMounts) Bind(ctx context.Context, b mount.Binding) error {
	return m.i.call("Bind", true, func() error { return m.Table.Bind(ctx, b) })
}

func (m faultyMounts) Find(target string) (info mount.Info, err error) {
	var inner error
	err = m.i.call("Find", true, func() error { info, inner = m.Table.Find(target); return nil })
	return info, errors.Join(err, inner)
}

type faultyBackend struct {
	*local.Backend
	i *injector
}

func (b faultyBackend) Locate(ctx context.Context, v csi.NodeVolume) (source csi.Source, err error) {
	err = b.i.call("Locate", false, func() (err error) { source, err = b.Backend.Locate(ctx, v); return err })
	if d, ok := source.(csi.Device); ok {
		verify := d.Verify
		d.Verify = func(ctx context.Context, f *os.File) error {
			return b.i.call("Verify", false, func() error { return verify(ctx, f) })
		}
		source = d
	}
	return source, err
}

func (b faultyBackend) Formatted(ctx context.Context, v csi.NodeVolume) (is bool, err error) {
	err = b.i.call("Formatted", false, func() (err error) { is, err = b.Backend.Formatted(ctx, v); return err })
	return is, err
}

func (b faultyBackend) MarkFormatted(ctx context.Context, v csi.NodeVolume) error {
	return b.i.call("MarkFormatted", false, func() error { return b.Backend.MarkFormatted(ctx, v) })
}

// inProcess serves a driver of this process whose calls can be made to fail.
func inProcess(t *testing.T) (*driver, *injector) {
	t.Helper()
	h := newHost(t)
	require.NoError(t, unix.Mount(h.path("state"), h.path("state"), "", unix.MS_BIND, ""))
	i := &injector{h: h}
	backend, err := local.New(local.Options{Pool: h.path("pool"), Node: nodeName, Overcommit: 1000, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	d, err := csi.New("local.csi.csikit.dev", faultyBackend{backend, i}, &csi.Options{
		NodeID: nodeName, StateDir: h.path("state"), Mounts: faultyMounts{mount.NewKernel(), i}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	conn := csitest.Start(t, d)
	return &driver{h: h, log: new(log), node: csipb.NewNodeClient(conn), controller: csipb.NewControllerClient(conn)}, i
}

// uncover takes the mount of the state directory away. The driver, which ends
// later, has its lock file open in it.
func uncover(t *testing.T, d *driver) {
	t.Helper()
	require.NoError(t, unix.Unmount(d.h.path("state"), unix.MNT_DETACH))
}

// TestUndo injects an error at each call of stage and publish. After a final
// error nothing of the call is left; after any other the retry continues.
func TestUndo(t *testing.T) {
	for _, kind := range []string{"ext4", "block"} {
		for _, o := range []op{stage, publish, publishReadOnly} {
			for _, f := range faults {
				t.Run(fmt.Sprintf("%s/%v/%s", kind, o, f.name), func(t *testing.T) { undone(t, kindOf(kind), o, f) })
			}
		}
	}
}

func undone(t *testing.T, k kind, o op, f fault) {
	d, i := inProcess(t)
	final := 0
	for at := 1; ; at++ {
		i.arm(f, 0)
		v, err := d.h.newVolume(t.Context(), d, k)
		require.NoError(t, err)
		if o != stage {
			require.NoError(t, v.settled(t.Context(), d, stage))
		}
		i.arm(f, at)
		err = v.do(t.Context(), d, o, 0)
		reached := i.n >= at
		if reached && f.heal != nil {
			require.NoError(t, f.heal(d.h))
		}
		when := fmt.Sprintf("%s %v: %v", f.name, i.calls[:min(at, len(i.calls))], err)
		calls := i.calls
		i.arm(f, 0)
		if code := status.Code(err); code != codes.OK && !mayFail(code) {
			final++
			require.NoError(t, nothingOf(v, o), when)
		}
		require.NoError(t, v.answered(d, o, v.do(t.Context(), d, o, 0)), "the retry after %s", when)
		require.NoError(t, v.finish(t.Context(), d), when)
		if !reached {
			i.calls = calls
			require.Greater(t, at, 4)
			break
		}
	}
	t.Logf("%d final errors; the calls: %v", final, i.calls)
	if strings.HasPrefix(f.name, "final") {
		require.Positive(t, final, "no final error was seen")
	}
	uncover(t, d)
	require.NoError(t, joined(invariant.Leftovers(d.h.scope())))
}

// nothingOf checks that a call which failed for good has left nothing of its
// own: what the volume had before it is v.model.
func nothingOf(v *volume, o op) error {
	s := v.h.scope()
	s.Dir = v.staging()
	s.Marker = ""
	s.Empty = []string{v.h.path("pods", v.name)}
	if o != stage { // what is staged stays
		s.Dir = v.h.path("pods")
		return errors.Join(joined(invariant.Leftovers(s)), v.looks(), noFiles(v.h.path("state", "targets")))
	}
	s.Empty = append(s.Empty, v.staging(), v.h.path("state"))
	loops, err := invariant.Loops(v.h.path("pool"))
	if len(loops) > 0 {
		err = fmt.Errorf("the volume was not released: %v", loops)
	}
	return errors.Join(joined(invariant.Leftovers(s)), err)
}

func noFiles(dir string) error {
	return joined(invariant.Leftovers(invariant.Scope{Dir: dir, Empty: []string{dir}}))
}
