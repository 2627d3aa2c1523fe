package drain

import "slices"

// A node is what is read of a Node.
type node struct {
	Metadata struct{ DeletionTimestamp string }
	Spec     struct {
		Unschedulable bool
		Taints        []struct{ Key string }
	}
}

// leavingTaints are put on nodes that are about to go: by kubectl drain and the
// eviction of kubelets, the cluster autoscaler, and Karpenter (v1 and v1beta1).
var leavingTaints = []string{
	"node.kubernetes.io/unschedulable", "ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption",
}

// leaving says why the node counts as one that is being drained; "" if it does not.
func (n node) leaving() string {
	for _, t := range n.Spec.Taints {
		if slices.Contains(leavingTaints, t.Key) {
			return "taint " + t.Key
		}
	}
	switch {
	case n.Spec.Unschedulable:
		return "the node is unschedulable"
	case n.Metadata.DeletionTimestamp != "":
		return "the node is being deleted"
	}
	return ""
}

// A list is a page of VolumeAttachments.
type list struct {
	Metadata struct{ Continue string }
	Items    []item
}

// An item is what is read of a VolumeAttachment.
type item struct {
	Metadata struct{ Name, ResourceVersion string }
	Spec     struct {
		Attacher, NodeName string
		Source             struct{ PersistentVolumeName string }
	}
}
