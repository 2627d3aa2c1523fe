package csitest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/csikit/csikit/csi"
)

type locatesGhosts struct{ *Memory }

func (b *locatesGhosts) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	source, err := b.Memory.Locate(ctx, v)
	if errors.Is(err, csi.ErrNotFound) {
		return csi.Share{Type: "mem", Source: v.ID}, nil
	}
	return source, err
}

type locatesOnce struct{ *Memory }

func (b *locatesOnce) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	b.mu.Lock()
	located := b.volumes[v.ID] != nil && b.volumes[v.ID].located[b.node]
	b.mu.Unlock()
	if located {
		return nil, fmt.Errorf("%w: device or resource busy", csi.ErrUnavailable)
	}
	return b.Memory.Locate(ctx, v)
}

type neverReleases struct{ *Memory }

func (*neverReleases) Release(context.Context, csi.NodeVolume) error { return nil }

type keepsInline struct{ *Memory }

func (*keepsInline) DeleteEphemeral(context.Context, csi.NodeVolume) error { return nil }

type forgetsInline struct{ *Memory }

func (*forgetsInline) EphemeralVolumes(context.Context) ([]string, error) { return nil, nil }

type tellsSecrets struct{ *Memory }

func (b *tellsSecrets) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	x, err := b.Memory.ExpandVolume(ctx, e)
	if err != nil {
		err = fmt.Errorf("login with %q: %w", map[string]string(e.Secrets), err)
	}
	return x, err
}

func (b *tellsSecrets) Volume(ctx context.Context, ref csi.VolumeRef) (*csi.Volume, error) {
	v, err := b.Memory.Volume(ctx, ref)
	if err != nil {
		err = fmt.Errorf("login with %q: %w", map[string]string(ref.Secrets), err)
	}
	return v, err
}

type secretContext struct{ *Memory }

func (b *secretContext) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := b.Memory.CreateVolume(ctx, spec)
	if err == nil {
		v.Context = spec.Secrets
	}
	return v, err
}

type leaksGoroutines struct{ *Memory }

func (b *leaksGoroutines) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	go func() { time.Sleep(8 * time.Second) }()
	return b.Memory.CreateVolume(ctx, spec)
}

type newNode struct{ *Memory }

func (b *newNode) DescribeNode(ctx context.Context) (csi.NodeInfo, error) {
	info, err := b.Memory.DescribeNode(ctx)
	info.ID = fmt.Sprint("node-", serial.Add(1))
	return info, err
}

type unhealthy struct{ *Memory }

func (*unhealthy) Probe(context.Context) error { return csi.ErrFailed }

type wrongUsage struct{ *Memory }

func (*wrongUsage) VolumeUsage(context.Context, csi.StagedVolume) (csi.Usage, error) {
	return csi.Usage{Bytes: csi.Count{Total: 1}}, nil
}

// deaf does not listen to its context.
type deaf struct{ *Memory }

func (b *deaf) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	return b.Memory.Locate(context.WithoutCancel(ctx), v)
}
