package csitest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/csikit/csikit/csi"
)

type newContext struct{ *Memory }

func (b *newContext) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if err == nil {
		c["lun"] = fmt.Sprint(serial.Add(1))
	}
	return c, err
}

type steals struct{ *Memory }

func (b *steals) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if errors.Is(err, csi.ErrInUse) {
		if err := b.Detach(ctx, csi.Attachment{VolumeRef: a.VolumeRef}); err != nil {
			return nil, err
		}
		return b.Memory.Attach(ctx, a)
	}
	return c, err
}

type namesNoNode struct{ *Memory }

func (b *namesNoNode) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if errors.Is(err, csi.ErrInUse) {
		return nil, csi.ErrInUse
	}
	return c, err
}

type oneNode struct{ *Memory }

func (b *oneNode) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	if v, err := b.Volume(ctx, a.VolumeRef); err == nil && len(v.Attached) > 0 && v.Attached[0].Node != a.Node {
		return nil, fmt.Errorf("%w: on %s", csi.ErrInUse, v.Attached[0].Node)
	}
	return b.Memory.Attach(ctx, a)
}

type anyNode struct{ *Memory }

func (b *anyNode) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if errors.Is(err, csi.ErrNotFound) && a.Node == "csitest-no-such-node" {
		return nil, nil
	}
	return c, err
}

type attachesGhosts struct{ *Memory }

func (b *attachesGhosts) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if errors.Is(err, csi.ErrNotFound) {
		return nil, csi.ErrUnavailable
	}
	return c, err
}

type changesMode struct{ *Memory }

func (b *changesMode) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	c, err := b.Memory.Attach(ctx, a)
	if !errors.Is(err, csi.ErrExists) {
		return c, err
	}
	b.mu.Lock()
	b.volumes[a.ID].attached[a.Node] = a
	b.mu.Unlock()
	return b.Memory.Attach(ctx, a)
}

type detachLies struct{ *Memory }

func (*detachLies) Detach(context.Context, csi.Attachment) error { return nil }

type detachNotFound struct{ *Memory }

func (b *detachNotFound) Detach(ctx context.Context, a csi.Attachment) error {
	v, err := b.Volume(ctx, a.VolumeRef)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.Attached, func(on csi.Attached) bool { return on.Node == a.Node }) {
		return csi.ErrNotFound
	}
	return b.Memory.Detach(ctx, a)
}

type detachesAll struct{ *Memory }

func (b *detachesAll) Detach(ctx context.Context, a csi.Attachment) error {
	a.Node = ""
	return b.Memory.Detach(ctx, a)
}

type detachesNone struct{ *Memory }

func (b *detachesNone) Detach(ctx context.Context, a csi.Attachment) error {
	if a.Node == "" {
		return nil
	}
	return b.Memory.Detach(ctx, a)
}
