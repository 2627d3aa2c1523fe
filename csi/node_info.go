package csi

import (
	"context"
	"os"
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

// NodeGetInfo implements csipb.NodeServer. What the backend says is checked
// against the spec (rule 28) before the CO sees it: an empty node id has
// crashed kubelets (kubernetes#87806).
func (s *nodeServer) NodeGetInfo(ctx context.Context, _ *csipb.NodeGetInfoRequest) (*csipb.NodeGetInfoResponse, error) {
	info, err := s.d.describeNode(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkTopology(info.Topology, s.d.features.traits.TopologyKeys); err != nil {
		return nil, err
	}
	response := &csipb.NodeGetInfoResponse{
		NodeId: info.ID, MaxVolumesPerNode: info.MaxVolumes, AccessibleTopology: topologyToProto(info.Topology),
	}
	if err := speccheck.Check(response); err != nil {
		return nil, refuse(ErrFailed, "the node's description breaks the CSI specification: %w; correct DescribeNode, or set Options.NodeID", err)
	}
	return response, nil
}

// describeNode asks the backend, or takes the operator's or the host's name.
func (d *Driver) describeNode(ctx context.Context) (NodeInfo, error) {
	if d.features.nodeDescriber != nil {
		return call(ctx, d, "DescribeNode", "", d.features.nodeDescriber.DescribeNode)
	}
	if d.opts.NodeID != "" {
		return NodeInfo{ID: d.opts.NodeID}, nil
	}
	host, err := os.Hostname()
	return NodeInfo{ID: host}, err
}

// checkTopology demands the same keys at every start of the plugin (rule 28):
// those of the driver's traits.
func checkTopology(t Topology, keys []string) error {
	complete := len(t) == len(keys)
	for key := range t {
		complete = complete && slices.Contains(keys, key)
	}
	if !complete {
		return refuse(ErrFailed, "the node's topology %v does not have exactly the keys %q of Traits.TopologyKeys: correct DescribeNode", t, keys)
	}
	return nil
}
