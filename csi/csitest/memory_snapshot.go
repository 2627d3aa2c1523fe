package csitest

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/csikit/csikit/csi"
)

// CreateSnapshot implements [csi.Snapshotter].
func (m *Memory) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	if len(spec.Parameters) > 0 {
		return nil, fmt.Errorf("%w: snapshots have no parameters, got %v", csi.ErrInvalid, keys(spec.Parameters))
	}
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, s := range m.snapshots {
		if s.name != spec.Name || s.Group != "" {
			continue
		}
		if s.VolumeID != spec.Volume.ID {
			return nil, fmt.Errorf("%w: snapshot %q is of volume %s, not of %s", csi.ErrExists, spec.Name, s.VolumeID, spec.Volume.ID)
		}
		return s.look(), nil
	}
	v, err := m.volume(spec.Volume.ID)
	if err != nil {
		return nil, err
	}
	if !spec.Topology.Allows(v.Topology) {
		return nil, fmt.Errorf("%w: a snapshot of volume %s is in %v, not in any of %v", csi.ErrExhausted, v.ID, v.Topology, spec.Topology.Requisite)
	}
	s := &memorySnapshot{name: spec.Name, Snapshot: csi.Snapshot{
		ID: m.newID("snap"), VolumeID: v.ID, Size: v.Size, Created: m.clock(), Ready: !m.opts.SlowSnapshots, Topology: slices.Clone(v.Topology),
	}}
	m.snapshots[s.ID] = s
	return s.look(), nil
}

// look describes a snapshot; a slow one becomes ready by being looked at.
func (s *memorySnapshot) look() *csi.Snapshot {
	out := s.Snapshot
	if s.looks++; s.looks > 1 {
		s.Ready = true
	}
	return &out
}

// DeleteSnapshot implements [csi.Snapshotter].
func (m *Memory) DeleteSnapshot(ctx context.Context, ref csi.SnapshotRef) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.snapshots, ref.ID)
	return nil
}

// Snapshot implements [csi.Snapshotter].
func (m *Memory) Snapshot(ctx context.Context, ref csi.SnapshotRef) (*csi.Snapshot, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	s, err := m.snapshot(ref.ID)
	if err != nil {
		return nil, err
	}
	return s.look(), nil
}

// snapshot finds a snapshot. The store must be locked.
func (m *Memory) snapshot(id string) (*memorySnapshot, error) {
	if s := m.snapshots[id]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: no snapshot %q in memory", csi.ErrNotFound, id)
}

// ListSnapshots implements [csi.SnapshotLister].
func (m *Memory) ListSnapshots(ctx context.Context, _ csi.ListQuery) iter.Seq2[*csi.Snapshot, error] {
	return func(yield func(*csi.Snapshot, error) bool) {
		if err := m.lock(ctx); err != nil {
			yield(nil, err)
			return
		}
		var all []*csi.Snapshot
		for _, s := range m.snapshots {
			all = append(all, s.look())
		}
		m.mu.Unlock()
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// RestoreVolume implements [csi.Snapshotter].
func (m *Memory) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return m.create(ctx, spec, csi.ContentSource{Snapshot: ref.ID}, func() (int64, error) {
		s, err := m.snapshot(ref.ID)
		if err != nil {
			return 0, err
		}
		return s.Size, nil
	})
}

// CloneVolume implements [csi.Cloner].
func (m *Memory) CloneVolume(ctx context.Context, ref csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return m.create(ctx, spec, csi.ContentSource{Volume: ref.ID}, func() (int64, error) {
		v, err := m.volume(ref.ID)
		if err != nil {
			return 0, err
		}
		return v.Size, nil
	})
}
