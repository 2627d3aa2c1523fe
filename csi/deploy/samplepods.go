package deploy

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sampleImage is the image of sample pods; any with a shell does.
const sampleImage = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"

// claimSpec is a claim of the sample class.
func (p *plan) claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		StorageClassName: new(p.name),
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceStorage: resource.MustParse("1Gi"),
		}},
	}
}

func (p *plan) claim(name string, change func(*corev1.PersistentVolumeClaimSpec)) Object {
	spec := p.claimSpec()
	if change != nil {
		change(&spec)
	}
	return &corev1.PersistentVolumeClaim{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec,
	}
}

func asBlock(s *corev1.PersistentVolumeClaimSpec) { s.VolumeMode = new(corev1.PersistentVolumeBlock) }

// from makes a claim of a copy.
func from(kind, name, group string) func(*corev1.PersistentVolumeClaimSpec) {
	return func(s *corev1.PersistentVolumeClaimSpec) {
		s.DataSource = &corev1.TypedLocalObjectReference{Kind: kind, Name: name}
		if group != "" {
			s.DataSource.APIGroup = &group
		}
	}
}

func claimed(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// inline is a volume that is declared in a pod and lives as long as it.
func (p *plan) inline() corev1.VolumeSource {
	return corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: p.driver.Name(), VolumeAttributes: p.Hints.Samples.Inline}}
}

// generic is a claim that is declared in a pod and lives as long as it.
func (p *plan) generic() corev1.VolumeSource {
	return corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: p.claimSpec()}}}
}

// pod writes to its volume and stays.
func (p *plan) pod(name string, source corev1.VolumeSource) Object {
	pod := samplePod(name, "date >>/data/log && sync && cat /data/log && exec sleep 1000000", source)
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	return pod
}

func (p *plan) blockPod() Object {
	pod := samplePod("raw", "dd if=/dev/data of=/dev/null bs=1M count=8 && exec sleep 1000000", claimed("raw"))
	pod.Spec.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/data"}}
	return pod
}

func samplePod(name, script string, source corev1.VolumeSource) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers:                    []corev1.Container{{Name: "main", Image: sampleImage, Command: []string{"sh", "-c", script}}},
			Volumes:                       []corev1.Volume{{Name: "data", VolumeSource: source}},
		},
	}
}
