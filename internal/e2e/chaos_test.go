package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// TestChaosNodePodDeleted: the node pod is force-deleted every 5 seconds while 20
// pods come and go.
func TestChaosNodePodDeleted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		under(t, s, 20, 5*time.Second, func() { s.driver.deletePods(t, "node") })
	})
}

// TestChaosContainerKilled: the driver's process gets SIGKILL, at the pace at
// which the kubelet starts it again.
func TestChaosContainerKilled(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		killer := newPod("killer", "", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
		killer.Spec.HostPID = true
		killer.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		s.run(killer)
		kill := fmt.Sprintf("for p in $(pgrep -f 'plugins/%s/csi.sock'); do [ \"$(tr '\\0' ' ' </proc/$p/cmdline | cut -d' ' -f1)\" = /driver ] && kill -9 $p; done; true", s.driver.name)
		under(t, s, 10, 5*time.Second, func() { _, _ = kubectl(t, "-n", s.name, "exec", "killer", "--", "sh", "-c", kill) })
	})
}

// TestChaosRollout: the DaemonSet is rolled out again and again under load.
func TestChaosRollout(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		under(t, s, 10, 20*time.Second, func() {
			_, err := kubectl(t, "-n", s.driver.objects, "rollout", "restart", "daemonset/"+s.driver.objects+"-node")
			require.NoError(t, err)
		})
	})
}

// TestChaosController: all controllers are killed while they make volumes. No
// volume is made twice, and none is left.
func TestChaosController(t *testing.T) {
	each(t, func(d *driver) bool { return d.attach }, func(t *testing.T, s *space) {
		under(t, s, 20, 5*time.Second, func() { s.driver.deletePods(t, "controller") })
	})
}

// TestChaosKubelet: the kubelet starts anew while volumes are mounted. The pods
// go on, and end as usual.
func TestChaosKubelet(t *testing.T) {
	restart := os.Getenv("CSIKIT_E2E_KUBELET")
	if restart == "" {
		t.Skip("CSIKIT_E2E_KUBELET names no command that restarts the kubelet")
	}
	each(t, nil, func(t *testing.T, s *space) {
		s.claim(newClaim("stays", s.class, s.driver.size))
		s.run(newPod("stays", "echo 1 >/data/file; sync", claimed("stays")))
		uid := s.podUID("stays")
		under(t, s, 5, 15*time.Second, func() {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", restart).CombinedOutput()
			require.NoError(t, err, string(out))
		})
		assert.Equal(t, uid, s.podUID("stays"))
		assert.Equal(t, "1", s.exec("stays", "cat /data/file && echo 2 >/data/file"))
	})
}

// deletePods deletes the driver's pods of a component by force.
func (d *driver) deletePods(t *testing.T, component string) {
	t.Helper()
	_, _ = kubectl(t, "-n", d.objects, "delete", "pod", "-l", "app.kubernetes.io/component="+component, "--force", "--grace-period=0", "--wait=false")
}
