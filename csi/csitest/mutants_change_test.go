package csitest

import (
	"context"
	"errors"

	"github.com/csikit/csikit/csi"
)

type neverGrows struct{ *Memory }

func (*neverGrows) ExpandVolume(_ context.Context, e csi.Expansion) (csi.Expanded, error) {
	return csi.Expanded{Size: e.Size.Required}, nil
}

func (*neverGrows) GrowDevice(context.Context, csi.Expansion) error { return nil }

type shrinks struct{ *Memory }

func (b *shrinks) ExpandVolume(_ context.Context, e csi.Expansion) (csi.Expanded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, err := b.volume(e.ID)
	if err != nil {
		return csi.Expanded{}, err
	}
	v.Size = e.Size.Required
	return csi.Expanded{Size: v.Size}, nil
}

type growsGhosts struct{ *Memory }

func (b *growsGhosts) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	x, err := b.Memory.ExpandVolume(ctx, e)
	if errors.Is(err, csi.ErrNotFound) {
		return csi.Expanded{Size: e.Size.Required}, nil
	}
	return x, err
}

func (b *growsGhosts) Volume(ctx context.Context, ref csi.VolumeRef) (*csi.Volume, error) {
	return (&undead{b.Memory}).Volume(ctx, ref)
}

type growsWithoutEnd struct{ *Memory }

func (b *growsWithoutEnd) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	x, err := b.Memory.ExpandVolume(ctx, e)
	if errors.Is(err, csi.ErrOutOfRange) {
		return csi.Expanded{Size: e.Size.Required}, nil
	}
	return x, err
}

type growsAtRest struct{ *Memory }

func (b *growsAtRest) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	if v, err := b.Volume(ctx, e.VolumeRef); err == nil && len(v.Attached) > 0 {
		return csi.Expanded{}, csi.ErrInUse
	}
	return b.Memory.ExpandVolume(ctx, e)
}

type modifiesNothing struct{ *Memory }

func (*modifiesNothing) ModifyVolume(context.Context, csi.Modification) error { return nil }

type modifiesHalf struct{ *Memory }

func (b *modifiesHalf) ModifyVolume(ctx context.Context, m csi.Modification) error {
	for _, key := range keys(m.Parameters) {
		one := csi.Modification{VolumeRef: m.VolumeRef, Parameters: map[string]string{key: m.Parameters[key]}}
		if key == "csitest/no-such-key" {
			defer func() {
				_ = b.Memory.ModifyVolume(ctx, csi.Modification{VolumeRef: m.VolumeRef, Parameters: map[string]string{"tier": "gold"}})
			}()
		}
		if err := b.Memory.ModifyVolume(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

type ignoresMutable struct{ *Memory }

func (b *ignoresMutable) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Mutable = nil
	return b.Memory.CreateVolume(ctx, spec)
}
