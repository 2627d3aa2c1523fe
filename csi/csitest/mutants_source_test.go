package csitest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/csikit/csikit/csi"
)

type forgetsSource struct{ *Memory }

func (b *forgetsSource) RestoreVolume(ctx context.Context, _ csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.CreateVolume(ctx, spec)
}

func (b *forgetsSource) CloneVolume(ctx context.Context, _ csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.CreateVolume(ctx, spec)
}

type restoreKeepsSize struct{ *Memory }

func (b *restoreKeepsSize) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Size = csi.SizeRange{}
	return b.Memory.RestoreVolume(ctx, ref, spec)
}

// undead finds what was deleted.
type undead struct{ *Memory }

func (b *undead) Snapshot(ctx context.Context, ref csi.SnapshotRef) (*csi.Snapshot, error) {
	n, err := b.Memory.Snapshot(ctx, ref)
	if err != nil {
		return &csi.Snapshot{ID: ref.ID, VolumeID: "ghost", Size: MemoryGranule, Created: time.Now(), Ready: true}, nil
	}
	return n, nil
}

func (b *undead) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.create(ctx, spec, csi.ContentSource{Snapshot: ref.ID}, noLeast)
}

func (b *undead) Volume(ctx context.Context, ref csi.VolumeRef) (*csi.Volume, error) {
	v, err := b.Memory.Volume(ctx, ref)
	if err != nil {
		return &csi.Volume{ID: ref.ID, Size: MemoryGranule}, nil
	}
	return v, nil
}

func (b *undead) CloneVolume(ctx context.Context, ref csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.create(ctx, spec, csi.ContentSource{Volume: ref.ID}, noLeast)
}

// needsSource asks for the source of what it has made already.
type needsSource struct{ *Memory }

func (b *needsSource) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	if _, err := b.Snapshot(ctx, ref); err != nil {
		return nil, err
	}
	return b.Memory.RestoreVolume(ctx, ref, spec)
}

func (b *needsSource) CloneVolume(ctx context.Context, ref csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	if _, err := b.Volume(ctx, ref); err != nil {
		return nil, err
	}
	return b.Memory.CloneVolume(ctx, ref, spec)
}

// anywhere ignores topology.
type anywhere struct{ *Memory }

func (b *anywhere) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Topology = csi.TopologyRequirement{}
	v, err := b.Memory.CreateVolume(ctx, spec)
	if err == nil {
		v.Topology = nil
	}
	return v, err
}

func (b *anywhere) Capacity(ctx context.Context, q csi.CapacityQuery) (csi.Capacity, error) {
	q.Topology = nil
	return b.Memory.Capacity(ctx, q)
}

type deletesInUse struct{ *Memory }

func (b *deletesInUse) DeleteVolume(_ context.Context, ref csi.VolumeRef) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.volumes, ref.ID)
	return nil
}

type deleteFails struct{ *Memory }

func (b *deleteFails) DeleteVolume(ctx context.Context, ref csi.VolumeRef) error {
	err := b.Memory.DeleteVolume(ctx, ref)
	if errors.Is(err, csi.ErrNotFound) {
		return fmt.Errorf("%w: no such volume", csi.ErrInvalid)
	}
	return err
}

type deleteLies struct{ *Memory }

func (*deleteLies) DeleteVolume(context.Context, csi.VolumeRef) error { return nil }

type snapshotsDie struct{ *Memory }

func (b *snapshotsDie) DeleteVolume(ctx context.Context, ref csi.VolumeRef) error {
	b.mu.Lock()
	for id, n := range b.snapshots {
		if n.VolumeID == ref.ID {
			delete(b.snapshots, id)
		}
	}
	b.mu.Unlock()
	return b.Memory.DeleteVolume(ctx, ref)
}
