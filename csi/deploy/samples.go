package deploy

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ObjectsOfUsers returns samples of what users of the driver write: a class of
// each kind that the driver can serve, and claims and pods that use them.
func ObjectsOfUsers(d Driver, c Config) ([]Object, error) {
	p, err := newPlan(d, c)
	if err != nil {
		return nil, err
	}
	var out []Object
	when := func(condition bool, objects ...Object) {
		if condition {
			out = append(out, objects...)
		}
	}
	dynamic := p.offers(canProvision)
	filesystem := d.Traits().Mount == nil || len(d.Traits().Mount) > 0
	block := p.devices()
	when(dynamic, p.storageClass())
	when(dynamic && p.offers(canModify) && !p.Hints.NodeLocal, p.attributesClass())
	when(p.offers(canSnapshot), p.snapshotClass())
	when(dynamic && filesystem, p.claim("data", nil), p.pod("writer", claimed("data")))
	when(dynamic && block, p.claim("raw", asBlock), p.blockPod())
	when(dynamic && filesystem, p.claim("exclusive", func(s *corev1.PersistentVolumeClaimSpec) {
		s.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
	}), p.pod("alone", claimed("exclusive")))
	when(p.offers(canEphemeral), p.pod("inline", p.inline()))
	when(dynamic && filesystem, p.pod("scratch", p.generic()))
	when(p.offers(canSnapshot), p.snapshot(), p.claim("restored", from("VolumeSnapshot", "data-snapshot", snapshotGroup)))
	when(p.offers(canClone), p.claim("cloned", from("PersistentVolumeClaim", "data", "")))
	when(p.Hints.Samples.StaticHandle != "", p.staticVolume(), p.claim("by-hand", func(s *corev1.PersistentVolumeClaimSpec) {
		s.StorageClassName, s.VolumeName = new(""), p.name+"-by-hand"
	}))
	return out, nil
}

// binding: a volume that is not reachable from everywhere is made where its pod
// is to run.
func (p *plan) binding() storagev1.VolumeBindingMode {
	if p.topology() {
		return storagev1.VolumeBindingWaitForFirstConsumer
	}
	return storagev1.VolumeBindingImmediate
}

func (p *plan) storageClass() Object {
	parameters := map[string]string{}
	for k, v := range p.Hints.Samples.Parameters {
		parameters[k] = v
	}
	if p.Hints.Samples.FSType != "" {
		parameters["csi.storage.k8s.io/fstype"] = p.Hints.Samples.FSType
	}
	return &storagev1.StorageClass{
		TypeMeta: metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"}, ObjectMeta: metav1.ObjectMeta{Name: p.name},
		Provisioner: p.driver.Name(), Parameters: parameters, ReclaimPolicy: new(corev1.PersistentVolumeReclaimDelete),
		AllowVolumeExpansion: new(p.expands()), VolumeBindingMode: new(p.binding()),
	}
}

func (p *plan) attributesClass() Object {
	return &storagev1.VolumeAttributesClass{
		TypeMeta: metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "VolumeAttributesClass"}, ObjectMeta: metav1.ObjectMeta{Name: p.name + "-faster"},
		DriverName: p.driver.Name(), Parameters: p.Hints.Samples.Mutable,
	}
}

// snapshots have no types in k8s.io/api.
func custom(kind, name string, fields map[string]any) Object {
	fields["apiVersion"], fields["kind"], fields["metadata"] = snapshotGroup+"/v1", kind, map[string]any{"name": name}
	return &unstructured.Unstructured{Object: fields}
}

func (p *plan) snapshotClass() Object {
	return custom("VolumeSnapshotClass", p.name, map[string]any{"driver": p.driver.Name(), "deletionPolicy": "Delete"})
}

func (p *plan) snapshot() Object {
	return custom("VolumeSnapshot", "data-snapshot", map[string]any{"spec": map[string]any{
		"volumeSnapshotClassName": p.name, "source": map[string]any{"persistentVolumeClaimName": "data"},
	}})
}

// staticVolume is a PersistentVolume for storage that was made by hand.
func (p *plan) staticVolume() Object {
	t := p.driver.Traits()
	v := &corev1.PersistentVolume{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"}, ObjectMeta: metav1.ObjectMeta{Name: p.name + "-by-hand"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: p.driver.Name(), VolumeHandle: p.Hints.Samples.StaticHandle, FSType: p.Hints.Samples.FSType,
			}},
		},
	}
	if strings.Contains(p.Hints.Samples.StaticHandle, "NODE") && len(t.TopologyKeys) > 0 {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: t.TopologyKeys[0], Operator: corev1.NodeSelectorOpIn, Values: []string{"NODE"}}},
		}}}}
	}
	return v
}
