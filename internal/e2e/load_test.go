package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// A load is pods that come and go, each with a volume of its own: made, written,
// seen again by a second pod, deleted. It counts what was done.
type load struct {
	s      *space
	mu     sync.Mutex
	rounds int
	broken []string
}

// long is how long a pod may take while the driver dies all the time.
const long = 8 * time.Minute

// start runs that many workers until ctx ends; wait for them with wait.
func (l *load) start(ctx context.Context, workers int) (wait func()) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				err := l.round(fmt.Sprintf("w%d-%d", i, round))
				l.mu.Lock()
				if err == nil {
					l.rounds++
				} else {
					l.broken = append(l.broken, err.Error())
				}
				l.mu.Unlock()
			}
		})
	}
	return all.Wait
}

// round does not fail the test itself: it runs beside others.
func (l *load) round(name string) error {
	s, ctx := l.s, context.WithoutCancel(l.s.t.Context())
	a := server(s.t)
	claims, pods := s.path+"/persistentvolumeclaims", s.path+"/pods"
	if err := a.do(ctx, "POST", claims, "application/json", newClaim(name, s.class, s.driver.size), nil); err != nil {
		return err
	}
	for _, script := range []string{"echo " + name + " >/data/file; sync", "grep -x " + name + " /data/file"} {
		if err := a.do(ctx, "POST", pods, "application/json", newPod(name, script, claimed(name)), nil); err != nil {
			return err
		}
		if err := await(ctx, pods+"/"+name, "ready", func(p corev1.Pod) bool { return isReady(p) || failed(p) }); err != nil {
			return err
		}
		var p corev1.Pod
		if err := a.do(ctx, "GET", pods+"/"+name, "", nil, &p); err != nil {
			return err
		}
		if failed(p) {
			return fmt.Errorf("the data of %s are not there: %s", name, run(ctx, "kubectl", "-n", s.name, "logs", name))
		}
		if err := deleteAndAwait(ctx, pods+"/"+name); err != nil {
			return err
		}
	}
	return deleteAndAwait(ctx, claims+"/"+name)
}

func await[T any](ctx context.Context, path, what string, ok func(T) bool) error {
	for end := time.Now().Add(long); ; time.Sleep(300 * time.Millisecond) {
		var out T
		err := proxy.do(ctx, "GET", path, "", nil, &out)
		if err == nil && ok(out) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not %s after %s: %w", path, what, long, err)
		}
	}
}

func deleteAndAwait(ctx context.Context, path string) error {
	if err := proxy.do(ctx, "DELETE", path+"?gracePeriodSeconds=1", "", nil, nil); err != nil {
		return err
	}
	var out map[string]any
	for end := time.Now().Add(long); ; time.Sleep(300 * time.Millisecond) {
		err := proxy.do(ctx, "GET", path, "", nil, &out)
		if err != nil && strings.Contains(err.Error(), errGone.Error()) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is still there after %s", path, long)
		}
	}
}

// under runs a load, and the chaos beside it for as long as CSIKIT_E2E_CHAOS
// says; then nothing may be broken, and when the namespace is gone no mount and
// no device of it may be left on the node.
func under(t *testing.T, s *space, workers int, every time.Duration, chaos func()) {
	t.Helper()
	before := s.driver.devices(t)
	ctx, cancel := context.WithTimeout(t.Context(), chaosTime(t))
	defer cancel()
	l := &load{s: s}
	wait := l.start(ctx, workers)
	times := 0
	for tick := time.NewTicker(every); ctx.Err() == nil; {
		select {
		case <-tick.C:
			chaos()
			times++
		case <-ctx.Done():
			tick.Stop()
		}
	}
	wait()
	t.Logf("%d volumes were made, written, read again and deleted while it happened %d times", l.rounds, times)
	assert.Empty(t, l.broken)
	assert.Positive(t, l.rounds, "the load makes progress")
	s.settled()
	after := s.driver.devices(t)
	assert.LessOrEqual(t, after, before, "loop devices of the driver")
}

func chaosTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CSIKIT_E2E_CHAOS")
	if text == "" {
		t.Skip("CSIKIT_E2E_CHAOS says not for how long, such as 2m")
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// devices is how many loop devices have a volume of the driver behind them.
func (d *driver) devices(t *testing.T) int {
	t.Helper()
	d.running(t)
	out := d.onNode(t, "cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -cE '"+d.images+"' || true")
	n := 0
	_, err := fmt.Sscan(out, &n)
	require.NoError(t, err)
	return n
}

// running waits until the node pod runs all its containers.
func (d *driver) running(t *testing.T) {
	t.Helper()
	until(t, "/api/v1/namespaces/"+d.objects+"/pods?labelSelector=app.kubernetes.io/component=node", long, "running", func(l corev1.PodList) bool {
		return len(l.Items) == 1 && isReady(l.Items[0]) && l.Items[0].DeletionTimestamp == nil
	})
}

// settled waits until no volume of the namespace is left, and none is mounted.
func (s *space) settled() {
	s.t.Helper()
	for end := time.Now().Add(patience); len(s.volumesLeft()) > 0; time.Sleep(500 * time.Millisecond) {
		require.True(s.t, time.Now().Before(end), "volumes are left: %v", s.volumesLeft())
	}
}
