package csitest

import (
	"context"
	"errors"
	"fmt"

	"github.com/csikit/csikit/csi"
)

type groupsTwice struct{ *Memory }

func (b *groupsTwice) CreateGroupSnapshot(ctx context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	spec.Name = fmt.Sprint(spec.Name, serial.Add(1))
	return b.Memory.CreateGroupSnapshot(ctx, spec)
}

// anyGroup takes the group of a name for the one asked for, whatever is in it.
type anyGroup struct{ *Memory }

func (b *anyGroup) CreateGroupSnapshot(ctx context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	b.mu.Lock()
	for _, g := range b.groups {
		if g.name == spec.Name {
			spec.VolumeIDs = g.volumes
		}
	}
	b.mu.Unlock()
	return b.Memory.CreateGroupSnapshot(ctx, spec)
}

// groupsOneByOne cuts one volume after the other, and leaves what it has.
type groupsOneByOne struct{ *Memory }

func (b *groupsOneByOne) CreateGroupSnapshot(ctx context.Context, spec csi.GroupSpec) (*csi.GroupSnapshot, error) {
	g, err := b.Memory.CreateGroupSnapshot(ctx, spec)
	for _, id := range spec.VolumeIDs {
		if errors.Is(err, csi.ErrNotFound) {
			_, _ = b.CreateSnapshot(ctx, csi.SnapshotSpec{Name: spec.Name + id, Volume: csi.VolumeRef{ID: id}})
		}
	}
	return g, err
}

// echoes says of a group what it is told.
type echoes struct{ *Memory }

func (b *echoes) GroupSnapshot(ctx context.Context, ref csi.GroupRef) (*csi.GroupSnapshot, error) {
	g, err := b.Memory.GroupSnapshot(ctx, ref)
	if err != nil {
		return nil, err
	}
	g.Members = nil
	for _, id := range ref.SnapshotIDs {
		if s, err := b.Snapshot(ctx, csi.SnapshotRef{ID: id}); err == nil {
			g.Members = append(g.Members, s)
		}
	}
	return g, nil
}

type groupLives struct{ *Memory }

func (*groupLives) DeleteGroupSnapshot(context.Context, csi.GroupRef) error { return nil }

// loose forgets that a snapshot is in a group.
type loose struct{ *Memory }

func (b *loose) Snapshot(ctx context.Context, ref csi.SnapshotRef) (*csi.Snapshot, error) {
	s, err := b.Memory.Snapshot(ctx, ref)
	if err == nil {
		s.Group = ""
	}
	return s, err
}

// restoresSingles cannot restore what is in a group.
type restoresSingles struct{ *Memory }

func (b *restoresSingles) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	if s, err := b.Snapshot(ctx, ref); err == nil && s.Group != "" {
		return nil, csi.ErrInvalid
	}
	return b.Memory.RestoreVolume(ctx, ref, spec)
}
