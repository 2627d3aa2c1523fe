package csi

import "context"

// A NodeDescriber describes the node that the plugin runs on.
// If absent, [Options.NodeID] is the node's id, without limit or topology.
type NodeDescriber interface {
	// DescribeNode is asked often, so it is live and cheap.
	DescribeNode(ctx context.Context) (NodeInfo, error)
}

// NodeInfo describes a node.
type NodeInfo struct {
	// ID is what [Attachment.Node] will say; at most 256 bytes.
	ID string
	// MaxVolumes is how many volumes of this driver the node takes; 0
	// leaves that to the CO.
	MaxVolumes int64
	// Topology has exactly the keys of [Traits.TopologyKeys].
	Topology Topology
}
