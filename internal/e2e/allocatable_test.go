package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
)

// TestAllocatableCount: when a node gets two more network interfaces, which share
// the attachments of its type with volumes, the kubelet asks the driver again and
// the scheduler learns that two volumes less fit; and back. The driver is not
// started anew. The interfaces are those of the emulated instance.
func TestAllocatableCount(t *testing.T) {
	each(t, func(d *driver) bool { return d.attach }, func(t *testing.T, s *space) {
		period := get[storagev1.CSIDriver](t, "/apis/storage.k8s.io/v1/csidrivers/"+s.driver.name).Spec.NodeAllocatableUpdatePeriodSeconds
		if period == nil {
			t.Skip("the cluster has not the feature gate MutableCSINodeAllocatableCount: it forgets nodeAllocatableUpdatePeriodSeconds")
		}
		if _, err := kubectl(t, "-n", "ec2test", "get", "deployment", "ec2test"); err != nil {
			t.Skip("the interfaces of real instances are left alone: ", err)
		}
		h := newHost(s)
		node := get[storagev1.CSINodeList](t, "/apis/storage.k8s.io/v1/csinodes").Items[0].Name
		before, pod := s.driver.allocatable(t, node), s.driver.nodePods(t)[0]
		defer h.interfaces(1)

		for _, step := range []struct{ interfaces, fewer int32 }{{3, 2}, {1, 0}} {
			h.interfaces(step.interfaces)
			began := time.Now()
			until(t, "/apis/storage.k8s.io/v1/csinodes/"+node, time.Duration(*period)*time.Second+patience, "updated", func(n storagev1.CSINode) bool {
				return countOf(n, s.driver.name) == before-step.fewer
			})
			t.Logf("%d interfaces: %d volumes fit, known after %.0f s, with a period of %d s", step.interfaces, before-step.fewer, time.Since(began).Seconds(), *period)
		}
		after := s.driver.nodePods(t)[0]
		assert.Equal(t, pod.UID, after.UID)
		assert.Equal(t, pod.Status.ContainerStatuses[0].RestartCount, after.Status.ContainerStatuses[0].RestartCount)
	})
}

// allocatable is how many volumes of the driver fit a node, as the scheduler
// knows it.
func (d *driver) allocatable(t *testing.T, node string) int32 {
	t.Helper()
	return countOf(get[storagev1.CSINode](t, "/apis/storage.k8s.io/v1/csinodes/"+node), d.name)
}

// countOf is -1 if the node has no such driver, or no count of it.
func countOf(n storagev1.CSINode, driver string) int32 {
	for _, d := range n.Spec.Drivers {
		if d.Name == driver && d.Allocatable != nil && d.Allocatable.Count != nil {
			return *d.Allocatable.Count
		}
	}
	return -1
}

// interfaces changes how many interfaces the emulated instances have. EC2 is away
// for a moment.
func (h *host) interfaces(n int32) {
	h.s.t.Helper()
	h.s.scale("0")
	out := h.s.exec("host", kubelet+fmt.Sprintf(`sed -i 's/"Interfaces": [0-9]*/"Interfaces": %d/' $k/root/var/lib/ec2test/state.json && grep -c '"Interfaces": %[1]d' $k/root/var/lib/ec2test/state.json`, n))
	assert.NotEqual(h.s.t, "0", strings.TrimSpace(out))
	h.s.scale("1")
}

// scale starts or stops the emulated EC2.
func (s *space) scale(replicas string) {
	s.t.Helper()
	for _, args := range [][]string{
		{"scale", "deployment/ec2test", "--replicas=" + replicas},
		{"rollout", "status", "deployment/ec2test", "--timeout=2m"},
	} {
		_, err := kubectl(s.t, append([]string{"-n", "ec2test"}, args...)...)
		require.NoError(s.t, err)
	}
	if replicas == "0" {
		_, err := kubectl(s.t, "-n", "ec2test", "wait", "pod", "--all", "--for=delete", "--timeout=2m")
		require.NoError(s.t, err)
	}
}
