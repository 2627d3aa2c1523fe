package deploy

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// socketDir is where csi.sock is in the sidecars.
const socketDir = "/csi"

// metadataPort is where the snapshot-metadata sidecar listens.
const metadataPort = 50051

// apiRate lets a sidecar do bursts: with the default of 5 requests per second a
// hundred volumes wait for the API and not for the storage.
var apiRate = []string{"--kube-api-qps=50", "--kube-api-burst=100"}

// sidecarArgs are the flags of a sidecar. The timeouts are longer than the
// defaults (10 to 15 s), after which a sidecar asks again.
func (p *plan) sidecarArgs(name string, onNode bool) []string {
	args := []string{"--csi-address=" + socketDir + "/csi.sock"}
	switch name {
	case provisioner:
		args = append(args, "--timeout=60s", "--extra-create-metadata", "--default-fstype="+p.DefaultFSType)
		args = append(args, p.provisionerArgs(onNode)...)
	case attacher:
		args = append(args, "--timeout=60s", "--worker-threads=50")
	case resizer:
		args = append(args, "--timeout=60s", "--workers=20", "--handle-volume-inuse-error=false")
	case snapshotter:
		args = append(args, "--timeout=120s", "--extra-create-metadata")
		if onNode {
			args = append(args, "--node-deployment")
		}
		if p.GroupSnapshots {
			args = append(args, "--feature-gates=CSIVolumeGroupSnapshot=true")
		}
	case snapshotMetadata:
		return append(args, "--tls-cert=/certificates/tls.crt", "--tls-key=/certificates/tls.key")
	}
	if !onNode {
		args = append(args, "--leader-election")
	}
	if name == healthMonitor {
		return args
	}
	return append(args, apiRate...)
}

// provisionerArgs: on a node the provisioner takes only claims that chose it,
// and waits a random time of at most a second before it takes an Immediate one.
func (p *plan) provisionerArgs(onNode bool) []string {
	var args []string
	if onNode {
		args = append(args, "--node-deployment", "--node-deployment-base-delay=1s", "--strict-topology", "--immediate-topology=false", "--worker-threads=10")
	} else {
		args = append(args, "--worker-threads=100")
	}
	if !p.capacity() {
		return args
	}
	level := "--capacity-ownerref-level=2" // pod, ReplicaSet, Deployment
	if onNode {
		level = "--capacity-ownerref-level=1" // pod, DaemonSet
	}
	return append(args, "--enable-capacity", level, "--capacity-poll-interval=30s")
}

// sidecar is the container of a sidecar. User 0 is for the node's socket, which
// only root may open; it has no capabilities.
func (p *plan) sidecar(name string, onNode bool) corev1.Container {
	c := corev1.Container{
		Name: name, Image: p.image(name), ImagePullPolicy: corev1.PullIfNotPresent, Args: p.sidecarArgs(name, onNode),
		VolumeMounts:    []corev1.VolumeMount{{Name: "socket", MountPath: socketDir}},
		Resources:       requests("5m", "20Mi"),
		SecurityContext: unprivileged(),
	}
	if onNode {
		c.SecurityContext.RunAsUser = new(int64(0))
	}
	switch {
	case name == provisioner && (onNode || p.capacity()):
		c.Env = []corev1.EnvVar{fieldEnv("NODE_NAME", "spec.nodeName"), fieldEnv("NAMESPACE", "metadata.namespace"), fieldEnv("POD_NAME", "metadata.name")}
	case name == snapshotter && onNode:
		c.Env = []corev1.EnvVar{fieldEnv("NODE_NAME", "spec.nodeName")}
	case name == snapshotMetadata:
		c.Ports = []corev1.ContainerPort{{Name: "metadata", ContainerPort: metadataPort}}
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "certificates", MountPath: "/certificates", ReadOnly: true})
	}
	return c
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

// unprivileged is the security context of all that needs nothing of the node.
func unprivileged() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func requests(cpu, memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}}
}
