package deploy

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// An Object is a Kubernetes object.
type Object interface {
	runtime.Object
	metav1.Object
}

// Objects returns everything that installs the driver, in an order in which it
// can be applied.
func Objects(d Driver, c Config) ([]Object, error) {
	p, err := newPlan(d, c)
	if err != nil {
		return nil, err
	}
	objects := []Object{p.namespace(), p.csiDriver()}
	objects = append(objects, p.access()...)
	if len(p.sidecars(false)) > 0 {
		objects = append(objects, p.controller())
	}
	objects = append(objects, p.node())
	if p.uses(snapshotMetadata) {
		objects = append(objects, p.metadataService())
	}
	return objects, nil
}

func newPlan(d Driver, c Config) (*plan, error) {
	c, err := c.Complete(d.Name())
	if err == nil && c.GroupSnapshots && !d.Offers(canGroup) {
		err = fmt.Errorf("driver %s has no group snapshots", d.Name())
	}
	return &plan{Config: c, driver: d, name: objectName(d.Name())}, err
}

// namespace admits the node plugin, which is privileged.
func (p *plan) namespace() Object {
	m := p.clusterMeta(p.Namespace)
	m.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	return &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: m}
}

// nodeLimitPeriod is how often the kubelet asks how many volumes fit. Clusters
// without the feature MutableCSINodeAllocatableCount drop the field.
const nodeLimitPeriod = 60

// csiDriver tells Kubernetes how to treat volumes of the driver.
func (p *plan) csiDriver() Object {
	attach := p.offers(canAttach)
	podInfo := p.offers(canEphemeral) || p.driver.Traits().PerPod
	capacity, seLinux, republish := p.capacity(), p.devices(), p.Hints.Republish
	policy := p.fsGroupPolicy()
	spec := storagev1.CSIDriverSpec{
		AttachRequired: &attach, PodInfoOnMount: &podInfo, StorageCapacity: &capacity, FSGroupPolicy: &policy,
		SELinuxMount: &seLinux, RequiresRepublish: &republish,
		VolumeLifecycleModes: []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent},
	}
	if p.offers(canEphemeral) {
		spec.VolumeLifecycleModes = append(spec.VolumeLifecycleModes, storagev1.VolumeLifecycleEphemeral)
	}
	for _, a := range p.Hints.TokenAudiences {
		spec.TokenRequests = append(spec.TokenRequests, storagev1.TokenRequest{Audience: a})
	}
	if attach && p.offers(canDescribeNode) {
		spec.NodeAllocatableUpdatePeriodSeconds = new(int64(nodeLimitPeriod))
	}
	return &storagev1.CSIDriver{
		TypeMeta:   metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "CSIDriver"},
		ObjectMeta: p.clusterMeta(p.driver.Name()), Spec: spec,
	}
}

// fsGroupPolicy: on a device the kubelet sets the group of the files, also when
// the volume names no file system, which the default policy would skip. A share
// keeps its own owners unless the driver says otherwise.
func (p *plan) fsGroupPolicy() storagev1.FSGroupPolicy {
	switch {
	case p.Hints.FSGroupPolicy != "":
		return storagev1.FSGroupPolicy(p.Hints.FSGroupPolicy)
	case p.driver.Traits().MountGroup:
		return storagev1.NoneFSGroupPolicy
	case p.devices():
		return storagev1.FileFSGroupPolicy
	}
	return storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy
}
