package deploy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// node is the DaemonSet of the node plugin. It has one container, unless the
// driver makes volumes on each node.
func (p *plan) node() Object {
	sidecars := p.sidecars(true)
	containers := []corev1.Container{p.nodeDriver()}
	for _, s := range sidecars {
		containers = append(containers, p.sidecar(s, true))
	}
	spec := p.podSpec("node", containers)
	spec.PriorityClassName = "system-node-critical"
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	spec.HostNetwork = p.Hints.HostNetwork
	if p.Hints.HostNetwork {
		spec.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	p.drainHook(&spec)
	if p.nodeRules() != nil {
		spec.AutomountServiceAccountToken = new(true)
	}
	spec.Volumes = p.nodeVolumes()
	if len(sidecars) > 0 {
		spec.Volumes = append(spec.Volumes, hostDir("socket", p.pluginDir(), corev1.HostPathDirectoryOrCreate))
	}
	labels := p.labels("node")
	surge, unavailable := intstr.FromInt32(0), intstr.FromString("10%")
	return &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"}, ObjectMeta: p.meta(p.name + "-node"),
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			// Never two plugins on one node at a time.
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: &surge, MaxUnavailable: &unavailable}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// heapGoal makes the node plugin, which is on every node, collect garbage early.
// With 100 volumes its resident memory was 25 MB instead of 35. It is a goal and
// no limit: more is taken when it is needed.
const heapGoal = "16MiB"

// nodeDriver is privileged: Bidirectional mounts are refused otherwise, and so
// are block devices that appear after the container has started.
func (p *plan) nodeDriver() corev1.Container {
	mode := "node"
	if p.Hints.NodeLocal {
		mode = "all"
	}
	args := []string{"--mode=" + mode, "--endpoint=unix://" + path.Join(p.pluginDir(), "csi.sock"), "--kubelet-dir=" + p.KubeletDir}
	if p.Hints.NodeLocal || !p.offers(canDescribeNode) {
		args = append(args, "--node-id=$(NODE_NAME)")
	}
	args = append(append(args, p.Hints.NodeArgs...), p.nodeName()...)
	c := p.driverContainer(args...)
	c.Env = []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: heapGoal}}
	if slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "$(NODE_NAME)") }) {
		c.Env = append(c.Env, fieldEnv("NODE_NAME", "spec.nodeName"))
	}
	c.SecurityContext = &corev1.SecurityContext{
		Privileged: new(true), ReadOnlyRootFilesystem: new(true),
		RunAsUser: new(int64(0)), RunAsNonRoot: new(false), // whatever the image says
	}
	for _, v := range p.nodeVolumes() {
		m := corev1.VolumeMount{Name: v.Name, MountPath: "/" + v.Name}
		if v.HostPath != nil {
			m.MountPath = v.HostPath.Path
		}
		switch {
		case v.Name == "kubelet":
			m.MountPropagation = new(corev1.MountPropagationBidirectional)
		case strings.HasPrefix(v.Name, "host-"): // it may be mounted later on the node
			m.MountPropagation = new(corev1.MountPropagationHostToContainer)
		}
		c.VolumeMounts = append(c.VolumeMounts, m)
	}
	return c
}

// nodeVolumes are what the driver's container mounts. Host paths are at the same
// path in the container, since the kubelet and the driver tell each other paths.
func (p *plan) nodeVolumes() []corev1.Volume {
	volumes := []corev1.Volume{
		hostDir("kubelet", p.KubeletDir, corev1.HostPathDirectory),
		hostDir("dev", "/dev", corev1.HostPathDirectory),
		hostDir("state", p.stateDir(), corev1.HostPathDirectoryOrCreate),
		emptyDir("run"), emptyDir("tmp"),
	}
	for i, dir := range p.Hints.HostPaths {
		volumes = append(volumes, hostDir(fmt.Sprintf("host-%d", i), dir, corev1.HostPathDirectoryOrCreate))
	}
	return volumes
}
