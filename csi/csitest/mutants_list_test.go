package csitest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/csikit/csikit/csi"
)

type hidesNodes struct{ *Memory }

func (b *hidesNodes) ListVolumes(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return func(yield func(*csi.Volume, error) bool) {
		for v, err := range b.Memory.ListVolumes(ctx, q) {
			v.Attached = nil
			if !yield(v, err) {
				return
			}
		}
	}
}

type listsTwice struct{ *Memory }

func (b *listsTwice) ListVolumes(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return func(yield func(*csi.Volume, error) bool) {
		for v, err := range b.Memory.ListVolumes(ctx, q) {
			for range 2 {
				if !yield(v, err) {
					return
				}
			}
		}
	}
}

// listsLess stops one before the end.
type listsLess struct{ *Memory }

func less[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last *T
		for v, err := range all {
			if last != nil && !yield(*last, err) {
				return
			}
			last = &v
		}
	}
}

func (b *listsLess) ListVolumes(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return less(b.Memory.ListVolumes(ctx, q))
}

func (b *listsLess) ListSnapshots(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Snapshot, error] {
	return less(b.Memory.ListSnapshots(ctx, q))
}

type noCapacity struct{ *Memory }

func (*noCapacity) Capacity(context.Context, csi.CapacityQuery) (csi.Capacity, error) {
	return csi.Capacity{}, nil
}

type snapshotsTwice struct{ *Memory }

func (b *snapshotsTwice) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	spec.Name = fmt.Sprint(spec.Name, serial.Add(1))
	return b.Memory.CreateSnapshot(ctx, spec)
}

type anySnapshot struct{ *Memory }

func (b *anySnapshot) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	for n := range b.ListSnapshots(ctx, csi.ListQuery{}) {
		return n, nil
	}
	return b.Memory.CreateSnapshot(ctx, spec)
}

type snapshotsGhosts struct{ *Memory }

func (b *snapshotsGhosts) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	n, err := b.Memory.CreateSnapshot(ctx, spec)
	if errors.Is(err, csi.ErrNotFound) {
		return nil, csi.ErrUnavailable
	}
	return n, err
}

type snapshotNeedsRest struct{ *Memory }

func (b *snapshotNeedsRest) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	if v, err := b.Volume(ctx, spec.Volume); err == nil && len(v.Attached) > 0 {
		return nil, csi.ErrInUse
	}
	return b.Memory.CreateSnapshot(ctx, spec)
}

type deleteSnapshotFails struct{ *Memory }

func (b *deleteSnapshotFails) DeleteSnapshot(ctx context.Context, ref csi.SnapshotRef) error {
	if _, err := b.Snapshot(ctx, ref); err != nil {
		return fmt.Errorf("%w: no such snapshot", csi.ErrInvalid)
	}
	return b.Memory.DeleteSnapshot(ctx, ref)
}

type deleteSnapshotLies struct{ *Memory }

func (*deleteSnapshotLies) DeleteSnapshot(context.Context, csi.SnapshotRef) error { return nil }

type healthyGhosts struct{ *Memory }

func (b *healthyGhosts) VolumeHealth(context.Context, csi.VolumeRef) ([]csi.Problem, error) {
	return nil, nil
}
