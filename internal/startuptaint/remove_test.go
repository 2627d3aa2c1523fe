package startuptaint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/csikit/csikit/internal/kubeapi/apitest"
)

const (
	driver  = "ebs.csi.aws.com"
	key     = driver + "/agent-not-ready"
	node    = "/api/v1/nodes/worker-1"
	csiNode = "/apis/storage.k8s.io/v1/csinodes/worker-1"
)

func taint(key, effect string) apitest.Object {
	return apitest.Object{"key": key, "effect": effect, "timeAdded": "2026-11-23T10:00:00Z"}
}

func tainted(taints ...any) apitest.Object {
	return apitest.Object{"spec": apitest.Object{"taints": taints}}
}

func registered(names ...string) apitest.Object {
	var drivers []any
	for _, name := range names {
		drivers = append(drivers, apitest.Object{"name": name, "allocatable": apitest.Object{"count": 25}})
	}
	return apitest.Object{"spec": apitest.Object{"drivers": drivers}}
}

type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// start runs Remove until stop is called, or until the test ends.
func start(t *testing.T, s *apitest.Server, edit ...func(*Options)) (l *log, stop func()) {
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreCurrent()) })
	l = &log{}
	o := Options{API: s.Client, Node: "worker-1", Driver: driver, Taint: key, Retry: time.Millisecond, Logger: slog.New(slog.NewTextHandler(l, nil))}
	for _, f := range edit {
		f(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Remove(ctx, o)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return l, stop
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 10*time.Second, time.Millisecond)
}

func patches(s *apitest.Server) (n int) {
	for _, r := range s.Requests() {
		if r == "PATCH "+node {
			n++
		}
	}
	return n
}

// TestOnlyTheTaintIsRemoved, with all effects that it has, and no other.
func TestOnlyTheTaintIsRemoved(t *testing.T) {
	s := apitest.New(t)
	others := []any{taint("node.kubernetes.io/not-ready", "NoExecute"), taint("efs.csi.aws.com/agent-not-ready", "NoExecute")}
	s.Put(csiNode, registered("other.csi.example.com", driver))
	s.Put(node, tainted(taint(key, "NoExecute"), others[0], taint(key, "NoSchedule"), others[1]))
	l, _ := start(t, s)
	eventually(t, func() bool { return len(s.Taints(node)) == 2 })
	require.Equal(t, others, s.Taints(node))
	eventually(t, func() bool { return l.count("is removed") == 1 })
}

// TestTheTaintWaitsForTheDriver: neither a kubelet that has not registered it, nor
// a CSINode without it, will do.
func TestTheTaintWaitsForTheDriver(t *testing.T) {
	s := apitest.New(t)
	s.Put(node, tainted(taint(key, "NoExecute")))
	told := make(chan struct{})
	l, _ := start(t, s, func(o *Options) { o.Registered = told })
	require.Never(t, func() bool { return len(s.Requests()) > 0 }, 50*time.Millisecond, time.Millisecond, "the kubelet has not registered it")
	close(told)
	eventually(t, func() bool { return slices.Contains(s.Requests(), "GET "+csiNode) })
	s.Put(csiNode, registered("other.csi.example.com"))
	eventually(t, func() bool { return l.count("does not list driver") == 1 })
	require.Len(t, s.Taints(node), 1)
	s.Put(csiNode, registered(driver))
	eventually(t, func() bool { return len(s.Taints(node)) == 0 })
}

// TestATaintThatComesLateIsRemoved (aws-ebs-csi-driver#2447), and one that comes
// again.
func TestATaintThatComesLateIsRemoved(t *testing.T) {
	s := apitest.New(t)
	s.Put(csiNode, registered(driver))
	s.Put(node, tainted())
	start(t, s)
	eventually(t, func() bool { return slices.Contains(s.Requests(), "WATCH "+nodes) })
	for range 2 {
		s.Put(node, tainted(taint("a", "NoSchedule"), taint(key, "NoExecute")))
		eventually(t, func() bool { return len(s.Taints(node)) == 1 })
	}
	require.Equal(t, 2, patches(s))
}

// TestOthersChangeTheNodeMeanwhile: between the look and the patch a taint comes
// before ours. It stays, and ours goes.
func TestOthersChangeTheNodeMeanwhile(t *testing.T) {
	s := apitest.New(t)
	s.Put(csiNode, registered(driver))
	s.Put(node, tainted(taint(key, "NoExecute")))
	other := taint("node.kubernetes.io/disk-pressure", "NoSchedule")
	var once sync.Once
	s.Refuse(func(r *http.Request) int {
		if r.Method == http.MethodPatch {
			once.Do(func() { s.Put(node, tainted(other, taint(key, "NoExecute"))) })
		}
		return 0
	})
	start(t, s)
	eventually(t, func() bool { return reflect.DeepEqual([]any{other}, s.Taints(node)) })
	require.Equal(t, 2, patches(s), "the first one failed its test")
}

// TestFailuresAreTriedAgainAndToldOnce.
func TestFailuresAreTriedAgainAndToldOnce(t *testing.T) {
	s := apitest.New(t)
	s.Put(csiNode, registered(driver))
	s.Put(node, tainted(taint(key, "NoExecute")))
	var mu sync.Mutex
	left := 20
	s.Refuse(func(r *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPatch && left > 0 {
			left--
			return http.StatusForbidden
		}
		return 0
	})
	l, _ := start(t, s)
	eventually(t, func() bool { return len(s.Taints(node)) == 0 })
	require.Equal(t, 1, l.count("403"), "no storm")
}

// TestItEndsByItself: when the time is over, whatever the server does.
func TestItEndsByItself(t *testing.T) {
	s := apitest.New(t)
	s.Put(csiNode, registered(driver))
	s.Put(node, tainted())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Remove(t.Context(), Options{API: s.Client, Node: "worker-1", Driver: driver, Taint: key, For: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

func TestWithout_IsExact(t *testing.T) {
	for _, c := range []struct{ taints, want string }{
		{`null`, `null`},
		{`[{"key":"a"}]`, `null`},
		{`[{"key":"k","value":"true"}]`, `[{"op":"test","path":"/spec/taints/0","value":{"key":"k","value":"true"}},{"op":"remove","path":"/spec/taints/0"}]`},
		{`[{"key":"k"},{"key":"kk"},{"key":"k"}]`, `[{"op":"test","path":"/spec/taints/2","value":{"key":"k"}},{"op":"remove","path":"/spec/taints/2"},{"op":"test","path":"/spec/taints/0","value":{"key":"k"}},{"op":"remove","path":"/spec/taints/0"}]`},
	} {
		patch, err := without(json.RawMessage(fmt.Sprintf(`{"spec":{"taints":%s}}`, c.taints)), "k")
		require.NoError(t, err)
		text, err := json.Marshal(patch)
		require.NoError(t, err)
		require.Equal(t, c.want, string(text))
	}
	for _, bad := range []string{`{`, `{"spec":{"taints":["x"]}}`} {
		_, err := without(json.RawMessage(bad), "k")
		require.Error(t, err)
	}
}
