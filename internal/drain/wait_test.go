package drain

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/kubeapi/apitest"
)

const (
	driver = "ebs.csi.aws.com"
	here   = "/api/v1/nodes/worker-1"
)

func cordoned() apitest.Object { return apitest.Object{"spec": apitest.Object{"unschedulable": true}} }

// attach makes a VolumeAttachment and returns its path.
func attach(s *apitest.Server, name, node, attacher string) string {
	at := attachments + "/" + name
	s.Put(at, apitest.Object{"spec": apitest.Object{"attacher": attacher, "nodeName": node, "source": apitest.Object{"persistentVolumeName": "pv-of-" + name}}})
	return at
}

// wait runs Wait, for at most a while.
func wait(t *testing.T, s *apitest.Server, most time.Duration) <-chan error {
	ctx, cancel := context.WithTimeout(t.Context(), most)
	t.Cleanup(cancel)
	done := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done <- Wait(ctx, Options{API: s.Client, Node: "worker-1", Driver: driver, Retry: time.Millisecond, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	}()
	t.Cleanup(func() { cancel(); <-finished })
	return done
}

// result is what Wait returned; it may be asked for once.
func result(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it still waits")
		return nil
	}
}

func watches(s *apitest.Server) (n int) {
	for _, r := range s.Requests() {
		if r == "WATCH "+attachments {
			n++
		}
	}
	return n
}

func lists(s *apitest.Server) (n int) {
	for _, r := range s.Requests() {
		if r == "GET "+attachments {
			n++
		}
	}
	return n
}

// TestTwoThatGoAtOnce, many times: of the ways in which events can come in, none
// ends the process.
func TestTwoThatGoAtOnce(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := apitest.New(t)
			s.Put(here, cordoned())
			a, b := attach(s, "a", "worker-1", driver), attach(s, "b", "worker-1", driver)
			attach(s, "c", "worker-2", driver)
			attach(s, "d", "worker-1", "other.csi.example.com")
			done := wait(t, s, 20*time.Second)
			require.Eventually(t, func() bool { return watches(s) >= i%2 }, 10*time.Second, time.Millisecond)
			s.Delete(a, b)
			require.NoError(t, result(t, done))
			require.LessOrEqual(t, lists(s), 2, "not one for each event")
		})
	}
}

func TestItWaitsUntilTheLastIsGone(t *testing.T) {
	s := apitest.New(t)
	s.Put(here, cordoned())
	paths := []string{attach(s, "a", "worker-1", driver), attach(s, "b", "worker-1", driver), attach(s, "c", "worker-1", driver)}
	done := wait(t, s, 20*time.Second)
	for i, at := range []string{paths[2], paths[0], paths[1]} {
		require.Eventually(t, func() bool { return watches(s) > 0 }, 10*time.Second, time.Millisecond)
		select {
		case err := <-done:
			t.Fatalf("it ends while %d are attached: %v", 3-i, err)
		case <-time.After(20 * time.Millisecond):
		}
		s.Delete(at)
	}
	require.NoError(t, result(t, done))
}

// TestOneMoreMeanwhile: a pod that tolerates everything came to the node.
func TestOneMoreMeanwhile(t *testing.T) {
	s := apitest.New(t)
	s.Put(here, cordoned())
	first := attach(s, "a", "worker-1", driver)
	done := wait(t, s, 20*time.Second)
	require.Eventually(t, func() bool { return watches(s) == 1 }, 10*time.Second, time.Millisecond)
	second := attach(s, "b", "worker-1", driver)
	s.Delete(first)
	require.Eventually(t, func() bool { return watches(s) == 2 }, 10*time.Second, time.Millisecond)
	s.Delete(second)
	require.NoError(t, result(t, done))
}

func TestOnlyOfNodesThatAreDrained(t *testing.T) {
	for name, c := range map[string]struct {
		node  apitest.Object
		waits bool
	}{
		"no drain":    {apitest.Object{"spec": apitest.Object{"taints": []any{apitest.Object{"key": "dedicated"}}}}, false},
		"cordoned":    {cordoned(), true},
		"kubectl":     {apitest.Object{"spec": apitest.Object{"taints": []any{apitest.Object{"key": "node.kubernetes.io/unschedulable"}}}}, true},
		"autoscaler":  {apitest.Object{"spec": apitest.Object{"taints": []any{apitest.Object{"key": "ToBeDeletedByClusterAutoscaler"}}}}, true},
		"karpenter":   {apitest.Object{"spec": apitest.Object{"taints": []any{apitest.Object{"key": "karpenter.sh/disrupted"}}}}, true},
		"deleting":    {apitest.Object{"metadata": apitest.Object{"deletionTimestamp": "2026-11-23T10:00:00Z"}}, true},
		"is deleted":  {nil, true},
		"still there": {apitest.Object{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.New(t)
			if c.node != nil {
				s.Put(here, c.node)
			}
			attach(s, "a", "worker-1", driver)
			if !c.waits {
				require.NoError(t, result(t, wait(t, s, 20*time.Second)))
				require.Zero(t, lists(s))
				return
			}
			err := result(t, wait(t, s, time.Second))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "still attached: pv-of-a")
		})
	}
}

// TestManyInTheCluster: all pages are read.
func TestManyInTheCluster(t *testing.T) {
	s := apitest.New(t)
	s.Put(here, cordoned())
	for i := range 1200 {
		attach(s, fmt.Sprintf("a%04d", i), "worker-2", driver)
	}
	last := attach(s, "z", "worker-1", driver)
	done := wait(t, s, 20*time.Second)
	require.Eventually(t, func() bool { return watches(s) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 3, lists(s))
	s.Delete(last)
	require.NoError(t, result(t, done))
}

// TestAServerThatFails is asked again, but does not hold up a node that may not be
// drained at all.
func TestAServerThatFails(t *testing.T) {
	s := apitest.New(t)
	s.Put(here, cordoned())
	attach(s, "a", "worker-1", driver)
	var refused atomic.Int32
	s.Refuse(func(r *http.Request) int {
		if r.URL.Path != here && refused.Add(1) <= 5 {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	done := wait(t, s, 20*time.Second)
	require.Eventually(t, func() bool { return slices.Contains(s.Requests(), "WATCH "+attachments) }, 10*time.Second, time.Millisecond)
	s.Delete(attachments + "/a")
	require.NoError(t, result(t, done))

	for _, code := range []int{http.StatusServiceUnavailable, http.StatusForbidden} {
		s.Refuse(func(*http.Request) int { return code })
		began := time.Now()
		err := result(t, wait(t, s, 20*time.Second))
		assert.ErrorContains(t, err, "is node worker-1 being drained?")
		assert.Less(t, time.Since(began), 5*time.Second)
	}
}
