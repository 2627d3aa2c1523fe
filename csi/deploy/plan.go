package deploy

import (
	"path"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/csikit/csikit/csi"
)

// A plan is one driver with one configuration: all objects are made of it.
type plan struct {
	Config
	driver Driver
	name   string // of objects
}

// The optional interfaces that manifests depend on.
const (
	canProvision    = "Provisioner"
	canAttach       = "Attacher"
	canExpand       = "Expander"
	canExpandOnNode = "NodeExpander"
	canModify       = "Modifier"
	canSnapshot     = "Snapshotter"
	canGroup        = "GroupSnapshotter"
	canClone        = "Cloner"
	canCapacity     = "CapacityReporter"
	canEphemeral    = "Ephemeral"
	canDescribeNode = "NodeDescriber"
	canHealth       = "HealthReporter"
	canTrackChanges = "ChangeTracker"
)

func (p *plan) offers(ability string) bool { return p.driver.Offers(ability) }

// expands reports whether volumes can grow, by the controller or on the node.
func (p *plan) expands() bool { return p.offers(canExpand) || p.offers(canExpandOnNode) }

// devices reports whether volumes are block devices: only for them does the
// kubelet know better than the storage who owns the files.
func (p *plan) devices() bool {
	t := p.driver.Traits()
	return !t.PerPod && (t.Block == nil || len(t.Block) > 0)
}

// topology reports whether volumes are not reachable from everywhere.
func (p *plan) topology() bool { return len(p.driver.Traits().TopologyKeys) > 0 }

// capacity reports whether the scheduler is to know what is free where.
func (p *plan) capacity() bool {
	return p.offers(canCapacity) && p.offers(canProvision) && p.topology()
}

// A sidecarRule says when a sidecar is needed. In a node-local driver the node
// part runs on every node.
type sidecarRule struct {
	name   string
	needed func(*plan) bool
	onNode bool // in a node-local driver
}

var sidecarRules = []sidecarRule{
	{provisioner, func(p *plan) bool { return p.offers(canProvision) }, true},
	{attacher, func(p *plan) bool { return p.offers(canAttach) && !p.Hints.NodeLocal }, false},
	{resizer, func(p *plan) bool { return p.expands() || (p.offers(canModify) && !p.Hints.NodeLocal) }, false},
	{snapshotter, func(p *plan) bool { return p.offers(canSnapshot) }, true},
	// No release asks for health as CSI v1.13 does: v0.18.0 looks for
	// VOLUME_CONDITION of v1.12 and ends when it is not there.
	{healthMonitor, func(p *plan) bool {
		return p.offers(canHealth) && !p.Hints.NodeLocal && p.Sidecars[healthMonitor] != ""
	}, false},
	{snapshotMetadata, func(p *plan) bool { return p.offers(canTrackChanges) && !p.Hints.NodeLocal }, false},
}

// sidecars are those of the controller, or those on each node.
func (p *plan) sidecars(onNode bool) []string {
	var out []string
	for _, r := range sidecarRules {
		if r.needed(p) && onNode == (p.Hints.NodeLocal && r.onNode) {
			out = append(out, r.name)
		}
	}
	return out
}

func (p *plan) uses(sidecar string) bool {
	return slices.Contains(append(p.sidecars(true), p.sidecars(false)...), sidecar)
}

// pluginDir is where the kubelet finds csi.sock.
func (p *plan) pluginDir() string { return path.Join(p.KubeletDir, "plugins", p.driver.Name()) }

// stateDir is the default of --state-dir.
func (p *plan) stateDir() string { return csi.DefaultStateDir(p.driver.Name()) }

// labels select the pods of a component.
func (p *plan) labels(component string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": p.name, "app.kubernetes.io/component": component}
}

// meta is the metadata of an object in the namespace, or of none.
func (p *plan) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: p.Namespace, Labels: map[string]string{"app.kubernetes.io/name": p.name}}
}

func (p *plan) clusterMeta(name string) metav1.ObjectMeta {
	m := p.meta(name)
	m.Namespace = ""
	return m
}
