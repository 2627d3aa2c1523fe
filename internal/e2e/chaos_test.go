package e2e

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestChaosNodePodDeleted: the node pod is force-deleted every 5 seconds while 20
// pods come and go.
func TestChaosNodePodDeleted(t *testing.T) {
	chaos(t, func(t *testing.T, s *space) {
		under(t, s, 20, 5*time.Second, func(*host) bool { return s.driver.deletePods(t, "node") })
	})
}

// TestChaosContainerKilled: the driver's process gets SIGKILL, at the pace at
// which the kubelet starts it again.
func TestChaosContainerKilled(t *testing.T) {
	chaos(t, func(t *testing.T, s *space) {
		under(t, s, 10, 5*time.Second, func(h *host) bool { return h.kill("node", "driver") > 0 })
	})
}

// TestChaosProvisioning: whatever makes volumes gets SIGKILL while it does, the
// driver with its sidecars. No volume is made twice, and none is left.
func TestChaosProvisioning(t *testing.T) {
	chaos(t, func(t *testing.T, s *space) {
		component := "controller"
		if s.driver.capacity {
			component = "node" // each node makes its own
		}
		under(t, s, 20, 5*time.Second, func(h *host) bool { return h.kill(component) > 0 })
	})
}

// TestChaosController: all controllers are force-deleted while they make volumes.
func TestChaosController(t *testing.T) {
	chaos(t, func(t *testing.T, s *space) {
		under(t, s, 20, 5*time.Second, func(*host) bool { return s.driver.deletePods(t, "controller") })
	})
}

// TestChaosRollout: the DaemonSet is rolled out again and again under load.
func TestChaosRollout(t *testing.T) {
	chaos(t, func(t *testing.T, s *space) {
		under(t, s, 10, 20*time.Second, func(*host) bool {
			_, err := kubectl(t, "-n", s.driver.objects, "rollout", "restart", "daemonset/"+s.driver.objects+"-node")
			require.NoError(t, err)
			return true
		})
	})
}

// TestChaosKubelet: the kubelet starts anew while volumes are mounted. The pods
// go on, and end as usual. There are no raw devices: the kubelet (1.34) forgets the
// one of a pod that was ending when it stopped. It cleans up the pod's directory,
// never calls NodeUnpublishVolume, and the volume stays published for ever.
func TestChaosKubelet(t *testing.T) {
	restart := os.Getenv("CSIKIT_E2E_KUBELET")
	if restart == "" {
		t.Skip("CSIKIT_E2E_KUBELET names no command that restarts the kubelet")
	}
	chaos(t, func(t *testing.T, s *space) {
		s.noBlock = true
		under(t, s, 10, 15*time.Second, func(*host) bool {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", restart).CombinedOutput()
			require.NoError(t, err, string(out))
			return true
		})
	})
}

// chaos is each, if there is to be chaos.
func chaos(t *testing.T, test func(*testing.T, *space)) {
	t.Helper()
	chaosTime(t)
	each(t, nil, test)
}

// deletePods deletes the driver's pods of a component by force, and reports
// whether there were any.
func (d *driver) deletePods(t *testing.T, component string) bool {
	t.Helper()
	out, _ := kubectl(t, "-n", d.objects, "delete", "pod", "-l", "app.kubernetes.io/component="+component, "--force", "--grace-period=0", "--wait=false")
	return len(out) > 0
}
