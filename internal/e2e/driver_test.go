package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// A driver is one of the examples, and what is different about it.
type driver struct {
	short, name string
	// objects is the common part of the names of its objects, and its namespace.
	objects string
	// parameters are those of the tests' classes, size one that each file
	// system and volume type takes.
	parameters map[string]string
	size       string
	// shared are parameters of volumes for several nodes, shareable a size of one.
	shared    map[string]string
	shareable string
	// topologyKey is one of the keys of its nodes; containers are those of its
	// node pod.
	topologyKey string
	containers  []string
	attach      bool
	// inline are the attributes of inline volumes; nil if there are none.
	inline map[string]string
	// mutable are parameters of a VolumeAttributesClass; nil if volumes cannot
	// be modified.
	mutable map[string]string
	// capacity says that the scheduler knows what is free.
	capacity bool
}

var drivers = []*driver{{
	short: "local", name: "local.csi.csikit.dev", objects: "local-csi-csikit-dev",
	parameters:  map[string]string{"allocation": "thin"},
	size:        "400Mi",
	shareable:   "400Mi",
	topologyKey: "topology.local.csi.csikit.dev/node", containers: []string{"driver", "csi-provisioner", "csi-snapshotter"},
	inline: map[string]string{"size": "400Mi"}, capacity: true,
}, {
	short: "ebs", name: "ebs.csi.aws.com", objects: "ebs-csi-aws-com",
	parameters:  map[string]string{"type": "gp3"},
	size:        "1Gi",
	shared:      map[string]string{"type": "io2", "iops": "200"},
	shareable:   "4Gi",
	topologyKey: "topology.ebs.csi.aws.com/zone", containers: []string{"driver"},
	attach: true, mutable: map[string]string{"throughput": "200"},
}}

// each runs a test for each driver that CSIKIT_E2E names and that it suits, in a
// namespace of its own with classes for xfs and for snapshots.
func each(t *testing.T, suits func(*driver) bool, test func(*testing.T, *space)) {
	t.Helper()
	server(t)
	asked := strings.Split(os.Getenv("CSIKIT_E2E"), ",")
	for _, d := range drivers {
		if !slices.Contains(asked, d.short) {
			continue
		}
		t.Run(d.short, func(t *testing.T) {
			if suits != nil && !suits(d) {
				t.Skip("the driver does not offer it")
			}
			s := newSpace(t, d)
			s.class = s.newClass("xfs", nil)
			test(t, s)
		})
	}
}

// newClass makes a class of the namespace's own. fsType may be empty for the
// driver's default.
func (s *space) newClass(fsType string, change func(*storagev1.StorageClass)) string {
	s.t.Helper()
	parameters := map[string]string{}
	for k, v := range s.driver.parameters {
		parameters[k] = v
	}
	name := s.name + "-default"
	if fsType != "" {
		parameters["csi.storage.k8s.io/fstype"] = fsType
		name = s.name + "-" + fsType
	}
	class := newClass(name, s.driver.name, parameters)
	if change != nil {
		change(class)
		class.Name += "-changed"
	}
	s.makeForAll("/apis/storage.k8s.io/v1/storageclasses", class.Name, class)
	return class.Name
}

// snapshotClass makes a class of the namespace's own.
func (s *space) snapshotClass() string {
	s.t.Helper()
	s.makeForAll(snapshotAPI+"/volumesnapshotclasses", s.name, named("VolumeSnapshotClass", s.name, map[string]any{
		"driver": s.driver.name, "deletionPolicy": "Delete",
	}))
	return s.name
}

// nodePods are the driver's pods on the nodes.
func (d *driver) nodePods(t *testing.T) []corev1.Pod {
	t.Helper()
	return get[corev1.PodList](t, "/api/v1/namespaces/"+d.objects+"/pods?labelSelector=app.kubernetes.io/component=node").Items
}

// onNode runs a command in the driver's container on the only node.
func (d *driver) onNode(t *testing.T, script string) string {
	t.Helper()
	pods := d.nodePods(t)
	require.NotEmpty(t, pods, "of the node plugin")
	out, err := kubectl(t, "-n", d.objects, "exec", pods[0].Name, "-c", "driver", "--", "sh", "-c", script)
	require.NoError(t, err)
	return out
}
