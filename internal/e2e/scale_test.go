package e2e

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// TestScale: many pods with a volume each, on one node: how long until all run
// and until all volumes are gone, what of that the driver needed, and what memory
// the node pod has when all are mounted.
func TestScale(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv("CSIKIT_E2E_SCALE"))
	if count == 0 {
		t.Skip("CSIKIT_E2E_SCALE says not how many, such as 100")
	}
	each(t, nil, func(t *testing.T, s *space) {
		count := count
		if s.driver.attach {
			count = min(count, 20) // what an instance takes
		}
		h := newHost(s)
		before, began := s.driver.served(t), time.Now()
		for i := range count {
			name := fmt.Sprintf("many-%d", i)
			s.claim(newClaim(name, s.class, "1Gi"))
			p := newPod(name, "", claimed(name))
			p.Labels = map[string]string{"many": ""}
			p.Spec.Containers[0].ReadinessProbe = nil // 100 of them a second are a load of their own
			s.make("pods", p)
		}
		pods := s.path + "/pods?labelSelector=many"
		until(t, pods, long, "all running", func(l corev1.PodList) bool {
			n := 0
			for _, p := range l.Items {
				if p.Status.Phase == corev1.PodRunning {
					n++
				}
			}
			return n == count
		})
		t.Logf("%d pods with a volume each: all running after %.0f s", count, time.Since(began).Seconds())
		h.logMemory()

		began = time.Now()
		require.NoError(t, server(t).do(t.Context(), "DELETE", pods, "", nil, nil))
		require.NoError(t, server(t).do(t.Context(), "DELETE", s.path+"/persistentvolumeclaims", "", nil, nil))
		until(t, pods, long, "all gone", func(l corev1.PodList) bool { return len(l.Items) == 0 })
		t.Logf("all pods gone after %.0f s", time.Since(began).Seconds())
		for end := time.Now().Add(long); len(s.volumesLeft()) > 0; time.Sleep(time.Second) {
			require.True(t, time.Now().Before(end), "volumes are left")
		}
		t.Logf("all volumes gone after %.0f s", time.Since(began).Seconds())
		logServed(t, before, s.driver.served(t))
	})
}

// logMemory logs the resident memory of each container of the node pod.
func (h *host) logMemory() {
	h.s.t.Helper()
	for _, c := range h.s.driver.nodePods(h.s.t)[0].Status.ContainerStatuses {
		_, id, _ := strings.Cut(c.ContainerID, "://")
		out := h.s.exec("host", fmt.Sprintf(`for f in $(grep -l %s /proc/[0-9]*/cgroup 2>/dev/null); do grep -E '^(VmRSS|RssAnon)' ${f%%cgroup}status; done`, id))
		assert.NotEmpty(h.s.t, out)
		h.s.t.Logf("container %s: %s", c.Name, strings.Join(strings.Fields(out), " "))
	}
}

// calls is how often the node pod was called, and for how long in all.
type calls struct {
	number  int
	seconds float64
}

var handled = regexp.MustCompile(`^grpc_server_handling_seconds_(sum|count)\{grpc_method="(\w+)",grpc_service="csi\.v1\.[^}]*\} (\S+)$`)

// served are the calls of each RPC that the node pod has answered, from its
// metrics.
func (d *driver) served(t *testing.T) map[string]calls {
	t.Helper()
	pod := d.nodePods(t)[0]
	port := "9808"
	for _, a := range pod.Spec.Containers[0].Args {
		if p, ok := strings.CutPrefix(a, "--http-address=:"); ok {
			port = p
		}
	}
	text, err := kubectl(t, "get", "--raw", "/api/v1/namespaces/"+d.objects+"/pods/"+pod.Name+":"+port+"/proxy/metrics")
	require.NoError(t, err)
	all := map[string]calls{}
	for line := range strings.Lines(text) {
		m := handled.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		c := all[m[2]]
		if m[1] == "sum" {
			c.seconds = value
		} else {
			c.number = int(value)
		}
		all[m[2]] = c
	}
	require.Contains(t, all, "NodeGetInfo", "the metrics have the driver's RPCs")
	return all
}

func logServed(t *testing.T, before, after map[string]calls) {
	t.Helper()
	for _, rpc := range slices.Sorted(maps.Keys(after)) {
		n, seconds := after[rpc].number-before[rpc].number, after[rpc].seconds-before[rpc].seconds
		if n > 0 && seconds > 0.05 {
			t.Logf("%s: %d calls, %.1f s in all, %.0f ms each", rpc, n, seconds, seconds/float64(n)*1000)
		}
	}
	stage := after["NodeStageVolume"].number - before["NodeStageVolume"].number
	assert.Positive(t, stage)
}
