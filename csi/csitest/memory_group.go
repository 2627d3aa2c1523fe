package csitest

import (
	"context"
	"fmt"
	"slices"

	"github.com/csikit/csikit/csi"
)

// A memoryGroup is a group of snapshots. They are in the store's snapshots,
// without a name of their own.
type memoryGroup struct {
	csi.GroupSnapshot
	name    string
	volumes []string
}

// CreateGroupSnapshot implements [csi.GroupSnapshotter]. The store is locked
// while all volumes are cut, so that nothing is written between.
func (m *Memory) CreateGroupSnapshot(ctx context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	if len(spec.Parameters) > 0 {
		return nil, fmt.Errorf("%w: group snapshots have no parameters, got %v", csi.ErrInvalid, keys(spec.Parameters))
	}
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, g := range m.groups {
		if g.name == spec.Name {
			if !slices.Equal(g.volumes, spec.VolumeIDs) {
				return nil, fmt.Errorf("%w: group snapshot %q is of volumes %v, not of %v", csi.ErrExists, spec.Name, g.volumes, spec.VolumeIDs)
			}
			return m.lookAt(g), nil
		}
	}
	var of []*memoryVolume
	for _, id := range spec.VolumeIDs {
		v, err := m.volume(id)
		if err != nil {
			return nil, err
		}
		of = append(of, v)
	}
	g := &memoryGroup{name: spec.Name, volumes: slices.Clone(spec.VolumeIDs), GroupSnapshot: csi.GroupSnapshot{ID: m.newID("group"), Created: m.clock()}}
	for _, v := range of {
		s := &memorySnapshot{Snapshot: csi.Snapshot{
			ID: m.newID("snap"), VolumeID: v.ID, Group: g.ID, Size: v.Size, Created: g.Created, Ready: !m.opts.SlowSnapshots, Topology: slices.Clone(v.Topology),
		}}
		m.snapshots[s.ID] = s
	}
	m.groups[g.ID] = g
	return m.lookAt(g), nil
}

// lookAt describes a group; the caller holds the lock.
func (m *Memory) lookAt(g *memoryGroup) *csi.GroupSnapshot {
	out := g.GroupSnapshot
	for _, id := range keys(m.snapshots) {
		if s := m.snapshots[id]; s.Group == g.ID {
			out.Members = append(out.Members, s.look())
		}
	}
	return &out
}

// DeleteGroupSnapshot implements [csi.GroupSnapshotter].
func (m *Memory) DeleteGroupSnapshot(ctx context.Context, ref csi.GroupRef) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for id, s := range m.snapshots {
		if s.Group == ref.ID && ref.ID != "" {
			delete(m.snapshots, id)
		}
	}
	delete(m.groups, ref.ID)
	return nil
}

// GroupSnapshot implements [csi.GroupSnapshotter].
func (m *Memory) GroupSnapshot(ctx context.Context, ref csi.GroupRef) (*csi.GroupSnapshot, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	g := m.groups[ref.ID]
	if g == nil {
		return nil, fmt.Errorf("%w: no group snapshot %q in memory", csi.ErrNotFound, ref.ID)
	}
	return m.lookAt(g), nil
}
