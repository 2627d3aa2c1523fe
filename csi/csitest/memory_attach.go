package csitest

import (
	"context"
	"fmt"
	"slices"

	"github.com/csikit/csikit/csi"
)

// Attach implements [csi.Attacher].
func (m *Memory) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	v, err := m.volume(a.ID)
	if err != nil {
		return nil, err
	}
	node, err := m.lookupNode(a.Node)
	if err != nil {
		return nil, err
	}
	publish := map[string]string{"attachment": a.ID + "@" + a.Node}
	if have, ok := v.attached[a.Node]; ok {
		if have.Access.Mode != a.Access.Mode || have.ReadOnly != a.ReadOnly {
			return nil, fmt.Errorf("%w: volume %s is attached to %s as %v, readonly %t", csi.ErrExists, a.ID, a.Node, have.Access.Mode, have.ReadOnly)
		}
		return publish, nil
	}
	if err := sharable(v, a); err != nil {
		return nil, err
	}
	if m.countAttached(a.Node) >= node.MaxVolumes && node.MaxVolumes > 0 {
		return nil, fmt.Errorf("%w: node %s has its %d volumes", csi.ErrExhausted, a.Node, node.MaxVolumes)
	}
	a.Secrets = nil
	v.attached[a.Node] = a
	return publish, nil
}

// sharable says whether a volume that is attached elsewhere may be attached.
func sharable(v *memoryVolume, a csi.Attachment) error {
	for _, other := range keys(v.attached) {
		if !a.Access.Mode.MultiNode() || !v.attached[other].Access.Mode.MultiNode() {
			return fmt.Errorf("%w: volume %s is attached to node %s as %v", csi.ErrInUse, a.ID, other, v.attached[other].Access.Mode)
		}
	}
	return nil
}

// Detach implements [csi.Attacher]. A volume or a node that is gone is proof
// that nothing is attached: this store is the only place where it could be.
func (m *Memory) Detach(ctx context.Context, a csi.Attachment) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	v, err := m.volume(a.ID)
	switch {
	case err != nil:
		return nil
	case a.Node == "":
		clear(v.attached)
	default:
		delete(v.attached, a.Node)
	}
	return nil
}

// CheckAccess implements [csi.AccessChecker]: volumes of tier bronze are not
// shared by nodes.
func (m *Memory) CheckAccess(_ context.Context, q csi.AccessQuery) error {
	parameters, err := memoryParameters(q.Parameters, q.Mutable)
	if err != nil {
		return err
	}
	if q.Volume != nil {
		parameters = m.Parameters(q.Volume.ID)
	}
	if q.Access.Mode.MultiNode() && parameters["tier"] == "bronze" {
		return fmt.Errorf("%w: volumes of tier bronze cannot be %v", csi.ErrInvalid, q.Access.Mode)
	}
	return nil
}

func (m *Memory) lookupNode(id string) (csi.NodeInfo, error) {
	if i := slices.IndexFunc(m.opts.Nodes, func(n csi.NodeInfo) bool { return n.ID == id }); i >= 0 {
		return m.opts.Nodes[i], nil
	}
	return csi.NodeInfo{}, fmt.Errorf("%w: no node %q", csi.ErrNotFound, id)
}

func (m *Memory) countAttached(node string) (n int64) {
	for _, v := range m.volumes {
		if _, ok := v.attached[node]; ok {
			n++
		}
	}
	return n
}
