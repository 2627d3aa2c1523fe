package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
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
	// volumes are those that pods had.
	volumes []corev1.PersistentVolume
}

// long is how long a pod may take while the driver dies all the time.
const long = 8 * time.Minute

// start runs that many workers until ctx ends; wait for them with wait.
func (l *load) start(ctx context.Context, workers int) (wait func()) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				err := l.round(fmt.Sprintf("w%d-%d", i, round), !l.s.noBlock && (i+round)%2 == 1)
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

// round does not fail the test itself: it runs beside others. Every other volume
// is a raw device, unless the space has none.
func (l *load) round(name string, block bool) error {
	s, ctx := l.s, context.WithoutCancel(l.s.t.Context())
	claims, pods := s.path+"/persistentvolumeclaims", s.path+"/pods"
	claim, pod, file := newClaim(name, s.class, s.driver.size), newPod, "/data/file"
	if block {
		claim, pod, file = claim.block(), newBlockPod, "/dev/data"
	}
	if err := proxy.do(ctx, "POST", claims, "application/json", claim, nil); err != nil {
		return err
	}
	text := fmt.Sprintf("yes %s | head -c %d", name, written)
	for _, script := range []string{
		fmt.Sprintf("%s | dd of=%s bs=64k conv=notrunc,fsync", text, file),
		fmt.Sprintf("%s >/tmp/want; head -c %d %s | cmp - /tmp/want", text, written, file),
	} {
		if err := l.pod(ctx, pod(name, script, claimed(name))); err != nil {
			return err
		}
		if err := l.remember(ctx, claims+"/"+name); err != nil {
			return err
		}
		if err := deleteAndAwait(ctx, pods+"/"+name); err != nil {
			return err
		}
	}
	return deleteAndAwait(ctx, claims+"/"+name)
}

// pod makes a pod and waits until its script has succeeded. A container that could
// not be started, since the kubelet ended meanwhile, says nothing about data: the
// pod is made again.
func (l *load) pod(ctx context.Context, pod *corev1.Pod) error {
	pods := l.s.path + "/pods"
	for {
		if err := proxy.do(ctx, "POST", pods, "application/json", pod, nil); err != nil {
			return err
		}
		p, err := await(ctx, pods+"/"+pod.Name, "ready", func(p corev1.Pod) bool { return isReady(p) || failed(p) })
		if err != nil || !failed(p) {
			return err
		}
		if c := p.Status.ContainerStatuses; len(c) == 0 || c[0].State.Terminated == nil || c[0].State.Terminated.Reason != "StartError" {
			text, _ := json.Marshal(p.Status)
			return fmt.Errorf("the data of %s are not there: %s: %s", pod.Name, text, run(ctx, "kubectl", "-n", l.s.name, "logs", pod.Name))
		}
		if err := deleteAndAwait(ctx, pods+"/"+pod.Name); err != nil {
			return err
		}
	}
}

// written is how many bytes a pod writes.
const written = 4 << 20

// remember keeps the volume of a claim, to look for what is left of it.
func (l *load) remember(ctx context.Context, claim string) error {
	var c corev1.PersistentVolumeClaim
	if err := proxy.do(ctx, "GET", claim, "", nil, &c); err != nil {
		return err
	}
	var v corev1.PersistentVolume
	if err := proxy.do(ctx, "GET", "/api/v1/persistentvolumes/"+c.Spec.VolumeName, "", nil, &v); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.volumes = append(l.volumes, v)
	return nil
}

func await[T any](ctx context.Context, path, what string, ok func(T) bool) (T, error) {
	for end := time.Now().Add(long); ; time.Sleep(300 * time.Millisecond) {
		var out T
		err := proxy.do(ctx, "GET", path, "", nil, &out)
		if err == nil && ok(out) {
			return out, nil
		}
		if time.Now().After(end) {
			return out, fmt.Errorf("%s is not %s after %s: %w", path, what, long, err)
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

// under runs a load and a witness, and the chaos beside them for as long as
// CSIKIT_E2E_CHAOS says; chaos reports whether it happened. Then nothing may be
// broken, and the node may have no mount, device or record of the volumes.
func under(t *testing.T, s *space, workers int, every time.Duration, chaos func(*host) bool) {
	t.Helper()
	length := chaosTime(t)
	h, w, l := newHost(s), newWitness(s), &load{s: s}
	require.NoError(t, l.remember(t.Context(), s.claimPath("witness")))
	for _, where := range []string{"globalmount", "/csikit/" + s.driver.name + "/volumes/", l.volumes[0].Name} {
		require.Contains(t, h.find(l.volumes), where, "what is looked for at the end is seen now")
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	wait := l.start(ctx, workers)
	times := 0
	for tick := time.NewTicker(every); ctx.Err() == nil; {
		select {
		case <-tick.C:
			if chaos(h) {
				times++
			}
		case <-ctx.Done():
			tick.Stop()
		}
	}
	began := time.Now()
	wait()
	t.Logf("%d volumes were made, written, read again and deleted while it happened %d times in %s; the last %.0f s later",
		l.rounds, times, length, time.Since(began).Seconds())
	assert.Positive(t, times, "it happens")
	assert.Empty(t, l.broken)
	assert.Positive(t, l.rounds, "the load makes progress")
	s.driver.running(t)
	w.ask()
	remove(t, s.claimPath("witness"), 0)
	s.settled()
	h.clean(l.volumes)
	until(t, "/api/v1/namespaces/"+s.driver.objects+"/pods", patience, "without pods that end", func(l corev1.PodList) bool {
		return !slices.ContainsFunc(l.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	})
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

// running waits until the node pod runs all its containers.
func (d *driver) running(t *testing.T) {
	t.Helper()
	until(t, "/api/v1/namespaces/"+d.objects+"/pods?labelSelector=app.kubernetes.io/component=node", long, "running", func(l corev1.PodList) bool {
		return len(l.Items) == 1 && isReady(l.Items[0]) && l.Items[0].DeletionTimestamp == nil
	})
}

// settled waits until no volume of the namespace is left.
func (s *space) settled() {
	s.t.Helper()
	for end := time.Now().Add(patience); len(s.volumesLeft()) > 0; time.Sleep(500 * time.Millisecond) {
		require.True(s.t, time.Now().Before(end), "volumes are left: %v", s.volumesLeft())
	}
}
