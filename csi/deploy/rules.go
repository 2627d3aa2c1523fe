package deploy

import rbacv1 "k8s.io/api/rbac/v1"

// clusterRules are what was needed, and nothing more, so that no "forbidden" was
// seen in the logs of the sidecars' tested versions.
var clusterRules = map[string]func(*plan) []rbacv1.PolicyRule{
	provisioner:      provisionerRules,
	attacher:         attacherRules,
	resizer:          resizerRules,
	snapshotter:      snapshotterRules,
	healthMonitor:    healthMonitorRules,
	snapshotMetadata: snapshotMetadataRules,
}

const (
	storageGroup  = "storage.k8s.io"
	snapshotGroup = "snapshot.storage.k8s.io"
	groupGroup    = "groupsnapshot.storage.k8s.io"
)

// rule allows verbs on one resource.
func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// readable allows to read and to watch, and what else is given.
func readable(group, resource string, more ...string) rbacv1.PolicyRule {
	return rule(group, resource, append([]string{"get", "list", "watch"}, more...)...)
}

func eventRule() rbacv1.PolicyRule {
	return rule("", "events", "get", "list", "watch", "create", "update", "patch")
}

func provisionerRules(p *plan) []rbacv1.PolicyRule {
	rules := []rbacv1.PolicyRule{
		readable("", "persistentvolumes", "create", "patch", "delete"),
		readable("", "persistentvolumeclaims", "update"),
		readable(storageGroup, "storageclasses"),
		readable(storageGroup, "volumeattributesclasses"),
		eventRule(),
	}
	if p.topology() && !p.Hints.NodeLocal {
		rules = append(rules, readable("", "nodes"), readable(storageGroup, "csinodes"))
	}
	if p.offers(canSnapshot) {
		rules = append(rules, readable(snapshotGroup, "volumesnapshots", "update"), readable(snapshotGroup, "volumesnapshotcontents"))
	}
	if p.offers(canAttach) {
		rules = append(rules, readable(storageGroup, "volumeattachments"))
	}
	return rules
}

func attacherRules(*plan) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		readable("", "persistentvolumes", "patch"),
		readable(storageGroup, "csinodes"),
		readable(storageGroup, "volumeattachments", "patch"),
		rule(storageGroup, "volumeattachments/status", "patch"),
	}
}

func resizerRules(*plan) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		readable("", "persistentvolumes", "patch"),
		readable("", "persistentvolumeclaims"),
		rule("", "persistentvolumeclaims/status", "patch"),
		readable("", "pods"),
		readable(storageGroup, "volumeattributesclasses"),
		eventRule(),
	}
}

func snapshotterRules(p *plan) []rbacv1.PolicyRule {
	rules := []rbacv1.PolicyRule{
		readable(snapshotGroup, "volumesnapshotclasses"),
		readable(snapshotGroup, "volumesnapshotcontents", "update", "patch"),
		rule(snapshotGroup, "volumesnapshotcontents/status", "update", "patch"),
		eventRule(),
	}
	if p.GroupSnapshots {
		rules = append(rules, readable(groupGroup, "volumegroupsnapshotclasses"),
			readable(groupGroup, "volumegroupsnapshotcontents", "update", "patch"),
			rule(groupGroup, "volumegroupsnapshotcontents/status", "update", "patch"))
	}
	return rules
}

func healthMonitorRules(*plan) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		readable("", "persistentvolumes"), readable("", "persistentvolumeclaims"),
		readable("", "nodes"), readable("", "pods"), eventRule(),
	}
}

func snapshotMetadataRules(*plan) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		readable("cbt.storage.k8s.io", "snapshotmetadataservices"),
		rule("authentication.k8s.io", "tokenreviews", "create"),
		rule("authorization.k8s.io", "subjectaccessreviews", "create"),
		rule(snapshotGroup, "volumesnapshots", "get", "list"),
		rule(snapshotGroup, "volumesnapshotcontents", "get", "list"),
	}
}
