package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
)

// TestInstallation: the kubelet knows the driver, how many volumes the node takes
// and where it is, and the node pod is what the capabilities call for.
func TestInstallation(t *testing.T) {
	each(t, nil, func(t *testing.T, s *space) {
		d := s.driver
		object := get[storagev1.CSIDriver](t, "/apis/storage.k8s.io/v1/csidrivers/"+d.name)
		assert.Equal(t, d.attach, *object.Spec.AttachRequired)
		assert.Equal(t, d.inline != nil, *object.Spec.PodInfoOnMount, "inline volumes need it")
		assert.Equal(t, d.inline != nil, slices.Contains(object.Spec.VolumeLifecycleModes, storagev1.VolumeLifecycleEphemeral))
		assert.Equal(t, d.capacity, *object.Spec.StorageCapacity)

		nodes := get[storagev1.CSINodeList](t, "/apis/storage.k8s.io/v1/csinodes")
		require.NotEmpty(t, nodes.Items)
		for _, node := range nodes.Items {
			i := slices.IndexFunc(node.Spec.Drivers, func(n storagev1.CSINodeDriver) bool { return n.Name == d.name })
			require.GreaterOrEqual(t, i, 0, "node %s has no driver %s", node.Name, d.name)
			entry := node.Spec.Drivers[i]
			t.Logf("CSINode %s: nodeID %s, %d volumes, keys %v", node.Name, entry.NodeID, *entry.Allocatable.Count, entry.TopologyKeys)
			assert.Positive(t, *entry.Allocatable.Count)
			assert.Contains(t, entry.TopologyKeys, d.topologyKey)
			assert.Contains(t, node.OwnerReferences[0].Name, node.Name)
		}
		for _, pod := range d.nodePods(t) {
			var names []string
			for _, c := range pod.Spec.Containers {
				names = append(names, c.Name)
			}
			assert.Equal(t, d.containers, names)
		}
	})
}
