package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// A host is the only node as a privileged pod sees it, which is no part of the
// driver and goes on when that dies.
type host struct{ s *space }

func newHost(s *space) *host {
	s.t.Helper()
	pod := newPod("host", "", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	pod.Spec.HostPID = true
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	s.run(pod)
	return &host{s}
}

// kill sends SIGKILL to all processes of containers of the driver's pods of a
// component, and returns how many there were. No names are all containers.
func (h *host) kill(component string, containers ...string) int {
	d := h.s.driver
	pods := get[corev1.PodList](h.s.t, "/api/v1/namespaces/"+d.objects+"/pods?labelSelector=app.kubernetes.io/component="+component)
	var ids []string
	for _, p := range pods.Items {
		for _, c := range p.Status.ContainerStatuses {
			_, id, ok := strings.Cut(c.ContainerID, "://")
			if ok && c.State.Running != nil && (len(containers) == 0 || slices.Contains(containers, c.Name)) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return 0
	}
	out, err := kubectl(h.s.t, "-n", h.s.name, "exec", "host", "--", "sh", "-c", fmt.Sprintf(
		`for f in $(grep -lE '%s' /proc/[0-9]*/cgroup 2>/dev/null); do p=${f#/proc/}; kill -9 ${p%%/cgroup} && echo killed; done; true`,
		strings.Join(ids, "|")))
	if err != nil {
		h.s.t.Log(err) // the kubelet may be busy; the next time it will do
	}
	return strings.Count(out, "killed")
}

// kubelet is the shell's way to a process that has the node's own mounts.
const kubelet = `k=$(grep -lx kubelet /proc/[0-9]*/comm 2>/dev/null | head -n 1); k=${k%/comm}; k=${k:-/proc/1}; `

// find returns what the node has of the volumes: mounts, devices and what is in
// the directories of the kubelet, of the driver's state and of its volumes.
func (h *host) find(volumes []corev1.PersistentVolume) string {
	h.s.t.Helper()
	var names []string
	for _, v := range volumes {
		handle := v.Spec.CSI.VolumeHandle
		sum := sha256.Sum256([]byte(handle)) // of staging directories, and, cut, of records
		names = append(names, v.Name, path.Base(handle), hex.EncodeToString(sum[:16]))
	}
	require.NotEmpty(h.s.t, names)
	return h.s.exec("host", kubelet+`{ cat $k/mountinfo; cat /sys/block/loop*/loop/backing_file 2>/dev/null
		find $k/root/var/lib/kubelet/plugins $k/root/var/lib/csikit $k/root/var/lib/ec2test -maxdepth 5 2>/dev/null; } | grep -F '`+strings.Join(names, "\n")+`'; true`)
}

// clean requires that the node soon has nothing of the volumes any more.
func (h *host) clean(volumes []corev1.PersistentVolume) {
	h.s.t.Helper()
	var left string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Second) {
		if left = h.find(volumes); left == "" {
			return
		}
	}
	require.FailNow(h.s.t, "the node still has something of volumes that are gone", left)
}
