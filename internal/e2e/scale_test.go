package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// TestScale: many pods with a volume each, on one node: how long until all run
// and until all volumes are gone, and what memory the node plugin has then.
func TestScale(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv("CSIKIT_E2E_SCALE"))
	if count == 0 {
		t.Skip("CSIKIT_E2E_SCALE says not how many, such as 100")
	}
	each(t, nil, func(t *testing.T, s *space) {
		if s.driver.attach {
			count = min(count, 20) // what an instance takes
		}
		began := time.Now()
		for i := range count {
			name := fmt.Sprintf("many-%d", i)
			s.claim(newClaim(name, s.class, "1Gi"))
			s.make("pods", newPod(name, "", claimed(name)))
		}
		until(t, s.path+"/pods", long, "all running", func(l corev1.PodList) bool {
			n := 0
			for _, p := range l.Items {
				if p.Status.Phase == corev1.PodRunning {
					n++
				}
			}
			return n == count
		})
		t.Logf("%d pods with a volume each: all running after %.0f s", count, time.Since(began).Seconds())
		t.Logf("driver: %s kB resident (VmRSS), of which its own (RssAnon) %s kB", s.driver.memory(t, "VmRSS"), s.driver.memory(t, "RssAnon"))
		began = time.Now()
		require.NoError(t, server(t).do(t.Context(), "DELETE", s.path+"/pods", "", nil, nil))
		require.NoError(t, server(t).do(t.Context(), "DELETE", s.path+"/persistentvolumeclaims", "", nil, nil))
		for end := time.Now().Add(long); len(s.volumesLeft()) > 0; time.Sleep(time.Second) {
			require.True(t, time.Now().Before(end), "volumes are left")
		}
		t.Logf("all volumes gone after %.0f s", time.Since(began).Seconds())
	})
}

// memory reads a field of the driver's /proc/PID/status.
func (d *driver) memory(t *testing.T, field string) string {
	t.Helper()
	fields := strings.Fields(d.onNode(t, "grep "+field+": /proc/1/status"))
	require.Len(t, fields, 3)
	return fields[1]
}
