//go:build linux

package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// A loop is a driver that is killed at random times and started again.
type loop struct {
	h     *host
	mu    sync.RWMutex
	d     *driver
	kills int
	rpcs  atomic.Int64
	lost  atomic.Int64 // answers that a kill swallowed
}

func (l *loop) current() *driver {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.d
}

// kill kills the driver until ctx ends; some right after their start, most in
// the middle of their work.
func (l *loop) kill(ctx context.Context, random *rand.Rand) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lifetime(random)):
		}
		if err := l.replace(); err != nil {
			return err
		}
	}
}

// lifetime is how long a driver lives.
func lifetime(random *rand.Rand) time.Duration {
	longest := 300 * time.Millisecond
	if random.IntN(3) == 0 {
		longest = 10 * time.Millisecond
	}
	return time.Duration(random.Int64N(int64(longest)))
}

// replace kills the driver and starts the next one. Those who want to send
// something wait for it; those who did get no answer.
func (l *loop) replace() (err error) {
	l.d.kill()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kills++
	l.d, err = l.h.start(0)
	return err
}

// until sends an RPC again and again until its answer is the one that is due,
// as the kubelet does.
func (l *loop) until(ctx context.Context, v *volume, o op) error {
	after := v.model
	want := after.apply(v.kind, o)
	deadline := time.Now().Add(rpcDeadline)
	for {
		l.rpcs.Add(1)
		err := v.do(ctx, l.current(), o, v.model.expansions)
		code := status.Code(err)
		if code == want && !(code == codes.Unavailable && !strings.Contains(err.Error(), "not permitted")) {
			v.model = after
			return nil
		}
		switch {
		case code == codes.Unavailable, code == codes.Canceled:
			l.lost.Add(1)
		case code != codes.Aborted:
			return fmt.Errorf("%v answered %v, want %v: %w", o, code, want, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%v still fails after %v: %w", o, rpcDeadline, err)
		}
		time.Sleep(5 * time.Millisecond) // the kubelet waits longer
	}
}

// live does what may happen to a volume on a node, in random order, while a pod
// writes to it.
func (l *loop) live(ctx context.Context, v *volume, random *rand.Rand) error {
	for ctx.Err() == nil {
		o := op(random.IntN(int(allOps)))
		if o == expand && v.model.expansions > 8 {
			continue
		}
		pod := make(chan error, 1)
		stop := make(chan struct{})
		if v.model.published && o != unpublish {
			path := v.writeAt()
			go func() { pod <- v.podWrites(path, stop) }()
		} else {
			pod <- nil
		}
		err := l.until(context.WithoutCancel(ctx), v, o)
		close(stop)
		if podErr := <-pod; podErr != nil {
			return fmt.Errorf("the pod, during %v: %w", o, podErr)
		}
		if err != nil {
			return err
		}
		if err := v.looks(); err != nil {
			return fmt.Errorf("after %v: %w", o, err)
		}
		if err := v.work(); err != nil {
			return fmt.Errorf("the pod, after %v: %w", o, err)
		}
	}
	return nil
}

// podWrites writes until stop to a volume that is published and stays so.
func (v *volume) podWrites(path string, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
		if v.writes > 150 {
			continue
		}
		if err := v.workAt(path); err != nil {
			return err
		}
	}
}

// TestKillLoop kills the driver at random times for CSIKIT_KILL_LOOP (5s), while
// it serves volumes of every kind and pods write to them.
func TestKillLoop(t *testing.T) {
	looptest.NeedRoot(t)
	duration := durationSetting(t, "CSIKIT_KILL_LOOP", 5*time.Second)
	seed := seedSetting(t)
	l := &loop{h: newHost(t)}
	var err error
	l.d, err = l.h.start(0)
	require.NoError(t, err)
	var volumes []*volume
	for _, name := range []string{"ext4", "xfs", "btrfs", "block", "foreign"} {
		v, err := l.h.newVolume(t.Context(), l.d, kindOf(name))
		require.NoError(t, err)
		volumes = append(volumes, v)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var all sync.WaitGroup
	for i, v := range volumes {
		all.Go(func() {
			if err := l.live(ctx, v, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
				t.Errorf("violation: %s: %v", v.kind.name, err)
			}
		})
	}
	all.Go(func() {
		if err := l.kill(ctx, rand.New(rand.NewPCG(seed, 1000))); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	files := 0
	for _, v := range volumes {
		files += v.writes
		if err := v.finish(t.Context(), l.d); err != nil {
			t.Errorf("violation: %s: %v", v.kind.name, err)
		}
	}
	t.Logf("%v of kills, then %v: %d kills, %d RPCs, %d without an answer, %d fsynced writes", duration, (time.Since(began) - duration).Round(time.Millisecond), l.kills, l.rpcs.Load(), l.lost.Load(), files)
	require.NoError(t, joined(invariant.Leftovers(l.h.scope())))
	require.NoError(t, joined((&worker{h: l.h}).lateness()))
	l.d.kill()
	require.Greater(t, l.kills, 3)
}
