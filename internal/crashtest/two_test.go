//go:build linux

package crashtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// mayFail are codes of an RPC that lost a race and is to be repeated.
func mayFail(code codes.Code) bool { return code == codes.Aborted || code == codes.Unavailable }

// both sends RPCs to two drivers at once, and returns what they answered.
func both(f func(i int) error) [2]error {
	var errs [2]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

// retried repeats an RPC as long as it may be repeated.
func retried(f func() error) error {
	deadline := time.Now().Add(rpcDeadline)
	for {
		err := f()
		if !mayFail(status.Code(err)) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func formats(drivers ...*driver) (n int) {
	for _, d := range drivers {
		n += strings.Count(d.log.String(), "msg=formatting")
	}
	return n
}

// TestTwoDrivers_OneStateDir: an old and a new process of the plugin, both asked
// to do the same at the same time, as when it is updated (contract ruling 12).
// There is one format, the data stays, and in the end nothing is left.
func TestTwoDrivers_OneStateDir(t *testing.T) {
	h := newHost(t)
	var d [2]*driver
	for i := range d {
		var err error
		d[i], err = h.start(0)
		require.NoError(t, err)
		defer d[i].kill()
	}
	rounds := 6
	for _, name := range []string{"ext4", "xfs", "btrfs", "block"} {
		t.Run(name, func(t *testing.T) {
			before := formats(d[:]...)
			v, err := h.newVolume(t.Context(), d[0], kindOf(name))
			require.NoError(t, err)
			for round := range rounds {
				for _, o := range []op{stage, publish, unpublish, unstage} {
					first := both(func(i int) error { return v.do(t.Context(), d[i], o, 0) })
					for i, err := range first {
						require.True(t, err == nil || mayFail(status.Code(err)), "%v by driver %d: %v", o, i, err)
					}
					require.NoError(t, retried(func() error { return v.do(t.Context(), d[round%2], o, 0) }))
					v.model.apply(v.kind, o)
					require.NoError(t, v.looks(), "after %v in round %d: %v", o, round, first)
					require.NoError(t, v.work())
				}
				require.NoError(t, joined(invariant.Free(v.image())))
			}
			want := 1
			if v.kind.fstype == "" {
				want = 0
			}
			require.Equal(t, want, formats(d[:]...)-before, "one format in the life of the volume")
			require.NoError(t, v.finish(t.Context(), d[0]))
		})
	}
	require.NoError(t, joined(invariant.Leftovers(h.scope())))
}

// TestTwoDrivers_StageAgainstUnstage: one process stages while the other one
// unstages, in a hurry. Whoever wins, the data is there afterwards.
func TestTwoDrivers_StageAgainstUnstage(t *testing.T) {
	h := newHost(t)
	var d [2]*driver
	for i := range d {
		var err error
		d[i], err = h.start(0)
		require.NoError(t, err)
		defer d[i].kill()
	}
	for _, name := range []string{"ext4", "xfs", "block"} {
		t.Run(name, func(t *testing.T) {
			v, err := h.newVolume(t.Context(), d[0], kindOf(name))
			require.NoError(t, err)
			require.NoError(t, v.settled(t.Context(), d[0], stage))
			for round := range 8 {
				answers := both(func(i int) error { return v.do(t.Context(), d[i], []op{stage, unstage}[(i+round)%2], 0) })
				for _, err := range answers {
					require.True(t, err == nil || mayFail(status.Code(err)), "%v", err)
				}
				require.NoError(t, retried(func() error { return v.do(t.Context(), d[0], stage, 0) }), "after %v", answers)
				require.NoError(t, v.looks(), "after %v", answers)
				require.NoError(t, v.work())
			}
			require.NoError(t, v.finish(t.Context(), d[0]))
		})
	}
	require.NoError(t, joined(invariant.Leftovers(h.scope())))
}

// TestTwoDrivers_TwoStateDirs: two plugins that know nothing of each other share
// a pool and stage one volume, each at a path of its own. That is a mistake of
// the operator's; it must not cost data.
func TestTwoDrivers_TwoStateDirs(t *testing.T) {
	looptest.NeedRoot(t)
	h := newHost(t)
	var d [2]*driver
	for i := range d {
		var err error
		d[i], err = h.start(0, "--state-dir="+h.path("state", fmt.Sprint(i)))
		require.NoError(t, err)
		defer d[i].kill()
	}
	for _, name := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(name, func(t *testing.T) {
			before := formats(d[:]...)
			one, err := h.newVolume(t.Context(), d[0], kindOf(name))
			require.NoError(t, err)
			two := &volume{h: h, kind: one.kind, name: one.name + "-2", id: one.id, context: one.context}
			require.NoError(t, mkdirs(two.staging(), h.path("pods", two.name)))
			sides := []*volume{one, two}
			for range 6 {
				staged := both(func(i int) error { return sides[i].do(t.Context(), d[i], stage, 0) })
				winner := -1
				for i, err := range staged {
					if err == nil {
						require.Equal(t, -1, winner, "a file system is mounted by one of the two only")
						winner = i
						continue
					}
					require.True(t, mayFail(status.Code(err)) || status.Code(err) == codes.FailedPrecondition, "%v", err)
				}
				if winner >= 0 {
					at := sides[winner].staging()
					require.NoError(t, joined(one.readAt(at)))
					require.NoError(t, one.workAt(at))
				}
				undone := both(func(i int) error {
					return retried(func() error { return sides[i].do(context.Background(), d[i], unstage, 0) })
				})
				require.Equal(t, [2]error{}, undone)
			}
			require.LessOrEqual(t, formats(d[:]...)-before, 1, "one format in the life of the volume")
			require.NoError(t, one.inspect(t.Context()))
			require.NoError(t, rmdirs(two.staging(), h.path("pods", two.name)))
			require.NoError(t, one.finish(t.Context(), d[0]))
		})
	}
}
