package deploy

import (
	"path"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// nobody is the user of controllers: they share a socket and need no root.
const nobody = 65532

// controller is the Deployment of the sidecars that work for the whole cluster.
// Of a node-local driver that is the resizer alone. Its driver has no pool: it
// only tells that nodes can grow volumes, so it must not be asked how it is, nor
// modify what is elsewhere.
func (p *plan) controller() Object {
	args := []string{"--mode=controller", "--endpoint=unix://" + path.Join(socketDir, "csi.sock")}
	if p.Hints.NodeLocal {
		args = append(args, "--disable=Modifier,Prober")
	}
	driver := p.driverContainer(args...)
	driver.SecurityContext = unprivileged()
	driver.VolumeMounts = []corev1.VolumeMount{{Name: "socket", MountPath: socketDir}}
	for _, e := range p.Hints.SecretEnv {
		driver.Env = append(driver.Env, corev1.EnvVar{Name: e.Name, ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: e.Secret}, Key: e.Key, Optional: new(true)},
		}})
	}
	containers := []corev1.Container{driver}
	for _, s := range p.sidecars(false) {
		containers = append(containers, p.sidecar(s, false))
	}
	spec := p.podSpec("controller", containers)
	spec.PriorityClassName = "system-cluster-critical"
	spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(nobody)), RunAsGroup: new(int64(nobody)), FSGroup: new(int64(nobody))}
	spec.Volumes = []corev1.Volume{emptyDir("socket")}
	if p.uses(snapshotMetadata) {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "certificates", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: p.metadataName()},
		}})
	}
	labels := p.labels("controller")
	spec.Affinity = apart(labels)
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: p.meta(p.name + "-controller"),
		Spec: appsv1.DeploymentSpec{
			Replicas: &p.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// apart prefers another node for each controller.
func apart(labels map[string]string) *corev1.Affinity {
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{
			TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
		}}},
	}}
}

// metadataName is the name of the Secret with the certificate, and of the
// Service, of the snapshot-metadata sidecar.
func (p *plan) metadataName() string { return p.name + "-snapshot-metadata" }

// metadataService is where backup programs reach the snapshot-metadata sidecar.
func (p *plan) metadataService() Object {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: p.meta(p.metadataName()),
		Spec: corev1.ServiceSpec{
			Selector: p.labels("controller"),
			Ports:    []corev1.ServicePort{{Name: "metadata", Port: 6443, TargetPort: intstr.FromString("metadata")}},
		},
	}
}
