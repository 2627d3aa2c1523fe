package e2e

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Image is the image of sample pods; any with a shell does.
const Image = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"

const snapshotAPI = "/apis/snapshot.storage.k8s.io/v1"

// A claim is a PersistentVolumeClaim that is still to be made.
type claim struct{ *corev1.PersistentVolumeClaim }

func newClaim(name, class, size string) claim {
	return claim{&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
	}}
}

func (c claim) mode(m corev1.PersistentVolumeAccessMode) claim {
	c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{m}
	return c
}

func (c claim) block() claim {
	c.Spec.VolumeMode = new(corev1.PersistentVolumeBlock)
	return c
}

func (c claim) from(kind, name string) claim {
	c.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: kind, Name: name}
	if kind == "VolumeSnapshot" {
		c.Spec.DataSource.APIGroup = new("snapshot.storage.k8s.io")
	}
	return c
}

// newPod makes a pod that runs a script, then stays. Its volume is at /data, or
// at /dev/data if it is a block device.
func newPod(name, script string, source corev1.VolumeSource) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			RestartPolicy:                 corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "main", Image: Image,
				// The shell must go when it is told to.
				Command:      []string{"sh", "-c", "trap 'exit 0' TERM; set -e\n" + script + "\ntouch /tmp/done; while :; do sleep 1 & wait $!; done"},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					Exec: &corev1.ExecAction{Command: []string{"test", "-e", "/tmp/done"}},
				}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: source}},
		},
	}
}

// newBlockPod is newPod for a claim of a raw block volume.
func newBlockPod(name, script string, source corev1.VolumeSource) *corev1.Pod {
	p := newPod(name, script, source)
	c := &p.Spec.Containers[0]
	c.VolumeMounts, c.VolumeDevices = nil, []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/data"}}
	return p
}

func claimed(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

func newClass(name, driver string, parameters map[string]string) *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: driver, Parameters: parameters,
		AllowVolumeExpansion: new(true), VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer),
	}
}

// named is an object of an API whose types are not in k8s.io/api.
func named(kind, name string, fields map[string]any) map[string]any {
	fields["apiVersion"], fields["kind"], fields["metadata"] = "snapshot.storage.k8s.io/v1", kind, map[string]any{"name": name}
	return fields
}

// A snapshot is what is read of a VolumeSnapshot.
type snapshot struct {
	Status struct {
		ReadyToUse                     bool
		BoundVolumeSnapshotContentName string
		RestoreSize                    string
		Error                          struct{ Message string }
	}
}
