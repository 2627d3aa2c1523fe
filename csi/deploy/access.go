package deploy

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// access is the service accounts, and for each sidecar what it may do.
func (p *plan) access() []Object {
	objects := []Object{p.account("node")}
	if len(p.sidecars(false)) > 0 {
		objects = append(objects, p.account("controller"))
	}
	if rules := p.nodeRules(); rules != nil {
		objects = append(objects, p.clusterRoleOf(p.name+"-node", rules, "node")...)
	}
	for _, onNode := range []bool{true, false} {
		for _, s := range p.sidecars(onNode) {
			account := "controller"
			if onNode {
				account = "node"
			}
			objects = append(objects, p.clusterRole(s, account)...)
			objects = append(objects, p.role(s, account, onNode)...)
		}
	}
	return objects
}

// account is a service account. Only pods with a sidecar mount its
// token, and node plugins with nodeRules.
func (p *plan) account(component string) Object {
	return &corev1.ServiceAccount{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: p.meta(p.name + "-" + component),
		AutomountServiceAccountToken: new(false),
	}
}

// roleName is a role's name, which tells the driver and the sidecar.
func (p *plan) roleName(sidecar string) string {
	return p.name + "-" + strings.TrimPrefix(sidecar, "csi-")
}

// clusterRole is what a sidecar may do with objects that are in no namespace, or
// in all.
func (p *plan) clusterRole(sidecar, account string) []Object {
	rules := clusterRules[sidecar](p)
	if p.Hints.ClassSecrets && sidecar != healthMonitor && sidecar != snapshotMetadata {
		rules = append(rules, rule("", "secrets", "get", "list"))
	}
	return p.clusterRoleOf(p.roleName(sidecar), rules, account)
}

// clusterRoleOf lets an account do what rules say.
func (p *plan) clusterRoleOf(name string, rules []rbacv1.PolicyRule, account string) []Object {
	return []Object{
		&rbacv1.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: p.clusterMeta(name), Rules: rules},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: p.clusterMeta(name),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: p.subjects(account),
		},
	}
}

// role is what a sidecar may do in the driver's own namespace.
func (p *plan) role(sidecar, account string, onNode bool) []Object {
	var rules []rbacv1.PolicyRule
	if !onNode && sidecar != snapshotMetadata {
		rules = append(rules, rule("coordination.k8s.io", "leases", "get", "create", "update"))
	}
	if sidecar == provisioner && p.capacity() {
		rules = append(rules, rule("storage.k8s.io", "csistoragecapacities", "get", "list", "watch", "create", "update", "patch", "delete"),
			rule("", "pods", "get"))
		if !onNode {
			rules = append(rules, rule("apps", "replicasets", "get"))
		}
	}
	if rules == nil {
		return nil
	}
	name := p.roleName(sidecar)
	return []Object{
		&rbacv1.Role{TypeMeta: rbacType("Role"), ObjectMeta: p.meta(name), Rules: rules},
		&rbacv1.RoleBinding{
			TypeMeta: rbacType("RoleBinding"), ObjectMeta: p.meta(name),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: p.subjects(account),
		},
	}
}

func (p *plan) subjects(account string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: p.name + "-" + account, Namespace: p.Namespace}}
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: kind}
}
