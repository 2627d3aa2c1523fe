package deploy

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// nodeRules are what the node plugin itself may do with the API server: nothing,
// unless a feature that needs it is switched on. RBAC cannot narrow it to the
// plugin's own node.
func (p *plan) nodeRules() (rules []rbacv1.PolicyRule) {
	if p.RemoveTaint {
		rules = append(rules, rule("", "nodes", "watch", "patch"), rule(storageGroup, "csinodes", "get"))
	}
	if p.DrainTimeout > 0 {
		rules = append(rules, rule("", "nodes", "get"), readable(storageGroup, "volumeattachments"))
	}
	return rules
}

// nodeName is the flag that the features of nodeRules need, if there are any and
// the driver does not have it anyway.
func (p *plan) nodeName() []string {
	for _, a := range p.Hints.NodeArgs {
		if strings.HasPrefix(a, "--node-name=") {
			return nil
		}
	}
	if p.nodeRules() == nil {
		return nil
	}
	return []string{"--node-name=$(NODE_NAME)"}
}

// stopping is how long the driver may take to end after its hook: the default of
// --shutdown-timeout, and some.
const stopping = 30 * time.Second

// drainHook waits for volumes before the plugin ends. The path is that of the
// container's first process, wherever the image has it.
func (p *plan) drainHook(pod *corev1.PodSpec) {
	if p.DrainTimeout == 0 {
		return
	}
	pod.TerminationGracePeriodSeconds = new(int64((p.DrainTimeout + stopping).Seconds()))
	pod.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
		Exec: &corev1.ExecAction{Command: []string{"/proc/1/exe", "pre-stop", "--timeout=" + p.DrainTimeout.String()}},
	}}
}
