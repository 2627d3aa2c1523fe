package deploy

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// driverContainer is the driver, with its health asked where it serves it.
func (p *plan) driverContainer(args ...string) corev1.Container {
	args = append(args, "--http-address=:"+strconv.Itoa(int(p.Hints.HealthPort)), "--log-level="+p.LogLevel)
	args = append(args, p.Hints.Args...)
	return corev1.Container{
		Name: "driver", Image: p.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Args:  append(args, p.Args...),
		Ports: []corev1.ContainerPort{{Name: "healthz", ContainerPort: p.Hints.HealthPort}},
		LivenessProbe: &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("healthz")}},
			// The first seconds belong to a pool that is being mounted.
			InitialDelaySeconds: 10, PeriodSeconds: 15, TimeoutSeconds: 12, FailureThreshold: 4,
		},
		Resources: requests("10m", "40Mi"),
	}
}

// podSpec has what all pods share.
func (p *plan) podSpec(account string, containers []corev1.Container) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName:           p.name + "-" + account,
		AutomountServiceAccountToken: new(len(containers) > 1), // the driver needs no API
		NodeSelector:                 map[string]string{"kubernetes.io/os": "linux"},
		Containers:                   containers,
	}
}

func hostDir(name, path string, kind corev1.HostPathType) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind}}}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}
