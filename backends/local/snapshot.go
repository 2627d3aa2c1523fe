package local

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/namelock"
)

// CreateSnapshot implements [csi.Snapshotter]. What it costs when the volume is
// in use is said in the package comment.
func (b *Backend) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	for key := range spec.Parameters {
		return nil, fmt.Errorf("%w: parameter %q: local snapshots have none", csi.ErrInvalid, key)
	}
	p := place{snapshots, hashOf(spec.Name)}
	e, err := b.load(p)
	if errors.Is(err, csi.ErrNotFound) {
		e, err = b.cut(ctx, p, spec)
	}
	if err == nil && e.VolumeID != spec.Volume.ID {
		err = fmt.Errorf("%w: the snapshot %s named %s is of the volume %s", csi.ErrExists, b.id(p), spec.Name, e.VolumeID)
	}
	if err != nil {
		return nil, err
	}
	return b.snapshot(e), nil
}

func (b *Backend) cut(ctx context.Context, p place, spec csi.SnapshotSpec) (e *entry, err error) {
	err = b.held(ctx, volumes, spec.Volume.ID, func(from *entry) error {
		m := meta{Name: spec.Name, Size: from.Size, Promised: from.account(), VolumeID: spec.Volume.ID, Formatted: from.Formatted}
		e, err = b.create(ctx, p, m, func(f *os.File) error { return b.capture(ctx, from, f) })
		return err
	})
	return e, err
}

// held calls f with an entry that is neither attached, detached, grown nor
// deleted meanwhile. Others may hold it too.
func (b *Backend) held(ctx context.Context, kind, id string, f func(*entry) error) error {
	p, err := b.dynamic(kind, id)
	if err != nil {
		return err
	}
	return b.locked(ctx, p.key(), namelock.Shared, func() error {
		e, err := b.load(p)
		if err == nil {
			err = f(e)
		}
		return err
	})
}

// RestoreVolume implements [csi.Snapshotter].
func (b *Backend) RestoreVolume(ctx context.Context, s csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.copyVolume(ctx, snapshots, s.ID, spec, csi.ContentSource{Snapshot: s.ID})
}

// CloneVolume implements [csi.Cloner]. A source in use is treated as
// CreateSnapshot does.
func (b *Backend) CloneVolume(ctx context.Context, source csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.copyVolume(ctx, volumes, source.ID, spec, csi.ContentSource{Volume: source.ID})
}

// copyVolume makes a volume of the entry with an id. A volume that exists is
// returned although its source may be gone.
func (b *Backend) copyVolume(ctx context.Context, kind, id string, spec csi.VolumeSpec, source csi.ContentSource) (v *csi.Volume, err error) {
	if e, err := b.load(place{volumes, hashOf(spec.Name)}); err == nil {
		return b.existing(e, spec)
	}
	err = b.held(ctx, kind, id, func(from *entry) error {
		spec.Size.Required = max(spec.Size.Required, from.Size)
		v, err = b.createVolume(ctx, spec, meta{Source: source, Formatted: from.Formatted}, func(f *os.File) error { return b.capture(ctx, from, f) })
		return err
	})
	return v, err
}

// DeleteSnapshot implements [csi.Snapshotter]. Volumes made of the snapshot
// keep what they have.
func (b *Backend) DeleteSnapshot(ctx context.Context, s csi.SnapshotRef) error {
	p, err := b.dynamic(snapshots, s.ID)
	if err == nil {
		err = b.delete(ctx, p)
	}
	return err
}

// Snapshot implements [csi.Snapshotter].
func (b *Backend) Snapshot(_ context.Context, s csi.SnapshotRef) (*csi.Snapshot, error) {
	p, err := b.dynamic(snapshots, s.ID)
	if err != nil {
		return nil, err
	}
	return get(b, p, b.snapshot)
}

// ListSnapshots implements [csi.SnapshotLister].
func (b *Backend) ListSnapshots(context.Context, csi.ListQuery) iter.Seq2[*csi.Snapshot, error] {
	return list(b, snapshots, b.snapshot)
}

func (b *Backend) snapshot(e *entry) *csi.Snapshot {
	return &csi.Snapshot{ID: b.id(e.place), VolumeID: e.VolumeID, Size: e.Size, Created: e.Created, Ready: true, Topology: []csi.Topology{b.topology()}}
}
