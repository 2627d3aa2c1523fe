package csitest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/csikit/csikit/csi"
)

// Locate implements [csi.Locator]: every volume is a share of type "mem".
func (m *Memory) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	share := csi.Share{Type: "mem", Source: v.ID}
	if v.Ephemeral {
		if !m.ephemeral[v.ID][m.node] {
			return nil, fmt.Errorf("%w: no ephemeral volume %q on node %s", csi.ErrNotFound, v.ID, m.node)
		}
		return share, nil
	}
	have, err := m.volume(v.ID)
	if err != nil {
		return nil, err
	}
	if want := v.PublishContext["attachment"]; want != "" {
		if _, ok := have.attached[m.node]; !ok || want != v.ID+"@"+m.node {
			return nil, fmt.Errorf("%w: volume %s is not attached to node %s but to %v", csi.ErrUnavailable, v.ID, m.node, keys(have.attached))
		}
	}
	if !m.blind {
		have.located[m.node], have.grown[m.node] = true, have.Size
	}
	return share, nil
}

// Release implements [csi.Releaser].
func (m *Memory) Release(ctx context.Context, v csi.NodeVolume) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if have := m.volumes[v.ID]; have != nil {
		delete(have.located, m.node)
		delete(have.grown, m.node)
	}
	return nil
}

// GrowDevice implements [csi.NodeExpander]: the node sees the new size.
func (m *Memory) GrowDevice(ctx context.Context, e csi.Expansion) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	v, err := m.volume(e.ID)
	if err != nil {
		return err
	}
	if v.Size < e.Size.Required {
		return fmt.Errorf("%w: volume %s has %d bytes, not yet %d", csi.ErrUnavailable, e.ID, v.Size, e.Size.Required)
	}
	v.grown[m.node] = v.Size
	return nil
}

// VolumeUsage implements [csi.UsageReporter].
func (m *Memory) VolumeUsage(ctx context.Context, s csi.StagedVolume) (csi.Usage, error) {
	if err := m.lock(ctx); err != nil {
		return csi.Usage{}, err
	}
	defer m.mu.Unlock()
	if m.ephemeral[s.ID][m.node] {
		return csi.Usage{Bytes: csi.Count{Total: MemoryMinVolume, Available: MemoryMinVolume}}, nil
	}
	v, err := m.volume(s.ID)
	if err != nil {
		return csi.Usage{}, err
	}
	size := v.grown[m.node]
	return csi.Usage{Bytes: csi.Count{Total: size, Available: size}, Inodes: csi.Count{Total: 1, Used: 1}}, nil
}

// DescribeNode implements [csi.NodeDescriber].
func (m *Memory) DescribeNode(context.Context) (csi.NodeInfo, error) { return m.lookupNode(m.node) }

// CreateEphemeral implements [csi.Ephemeral].
func (m *Memory) CreateEphemeral(ctx context.Context, v csi.NodeVolume) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.ephemeral[v.ID] == nil {
		m.ephemeral[v.ID] = map[string]bool{}
	}
	m.ephemeral[v.ID][m.node] = true
	return nil
}

// DeleteEphemeral implements [csi.Ephemeral].
func (m *Memory) DeleteEphemeral(ctx context.Context, v csi.NodeVolume) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.ephemeral[v.ID], m.node)
	if len(m.ephemeral[v.ID]) == 0 {
		delete(m.ephemeral, v.ID)
	}
	return nil
}

// EphemeralVolumes implements [csi.Ephemeral].
func (m *Memory) EphemeralVolumes(ctx context.Context) ([]string, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var ids []string
	for _, id := range keys(m.ephemeral) {
		if m.ephemeral[id][m.node] {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Traits implements [csi.Describer].
func (m *Memory) Traits() csi.Traits {
	if m.opts.Traits != nil {
		return *m.opts.Traits
	}
	return csi.Traits{
		Mount: []csi.AccessMode{
			csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeSingleWriter, csi.SingleNodeMultiWriter,
			csi.MultiNodeReaderOnly, csi.MultiNodeSingleWriter, csi.MultiNodeMultiWriter,
		},
		Block:          []csi.AccessMode{},
		TopologyKeys:   keys(m.opts.Nodes[0].Topology),
		ReadOnlyAttach: true,
		// SnapshotTopology is left to MemoryOptions.Traits: csi-sanity v5.6.0
		// compares its answers as Go structs, and fails any.
	}
}

// place chooses where a new volume is reachable; the caller holds the lock.
func (m *Memory) place(r csi.TopologyRequirement) ([]csi.Topology, error) {
	candidates := r.Candidates()
	if len(m.opts.Nodes[0].Topology) == 0 {
		return nil, nil
	}
	if len(candidates) == 0 {
		return []csi.Topology{maps.Clone(m.opts.Nodes[0].Topology)}, nil
	}
	if i := slices.IndexFunc(candidates, m.reachable); i >= 0 {
		return []csi.Topology{maps.Clone(candidates[i])}, nil
	}
	return nil, fmt.Errorf("%w: no node is in any of %v", csi.ErrExhausted, candidates)
}

func (m *Memory) reachable(t csi.Topology) bool {
	return slices.ContainsFunc(m.opts.Nodes, func(n csi.NodeInfo) bool { return n.Topology.Contains(t) })
}
