package csitest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/csikit/csikit/csi"
)

type createsTwice struct {
	*Memory
}

var serial atomic.Int64

func (b *createsTwice) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Name = fmt.Sprint(spec.Name, serial.Add(1))
	return b.Memory.CreateVolume(ctx, spec)
}

type forgetsNames struct {
	*Memory
	names map[string]string
}

func (b *forgetsNames) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if id := b.names[spec.Name]; id != "" {
		return b.Volume(ctx, csi.VolumeRef{ID: id})
	}
	name := spec.Name
	spec.Name = fmt.Sprint(name, serial.Add(1))
	v, err := b.Memory.CreateVolume(ctx, spec)
	if err == nil {
		b.names[name] = v.ID
	}
	return v, err
}

type wantsEqualSize struct{ *Memory }

func (b *wantsEqualSize) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := b.Memory.CreateVolume(ctx, spec)
	if err == nil && v.Size != spec.Size.Required {
		return nil, fmt.Errorf("%w: size %d", csi.ErrExists, v.Size)
	}
	return v, err
}

type oneVolume struct{ *Memory }

func (b *oneVolume) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Name = "one"
	return b.Memory.CreateVolume(ctx, spec)
}

type roundsDown struct{ *Memory }

func (b *roundsDown) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Size.Required -= spec.Size.Required % MemoryGranule
	return b.Memory.CreateVolume(ctx, spec)
}

type overflows struct{ *Memory }

func (b *overflows) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := b.Memory.CreateVolume(ctx, spec)
	if errors.Is(err, csi.ErrOutOfRange) && spec.Size.Limit == 0 {
		spec.Size.Required = MemoryGranule
		return b.Memory.CreateVolume(ctx, spec)
	}
	return v, err
}

type refusesSmall struct{ *Memory }

func (b *refusesSmall) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if spec.Size.Required > 0 && spec.Size.Required < MemoryMinVolume {
		return nil, fmt.Errorf("%w: too small", csi.ErrOutOfRange)
	}
	return b.Memory.CreateVolume(ctx, spec)
}

type ignoresLimit struct{ *Memory }

func (b *ignoresLimit) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	spec.Size.Limit = 0
	return b.Memory.CreateVolume(ctx, spec)
}

type refusesReaders struct{ *Memory }

func (b *refusesReaders) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if spec.Access[0].Mode.ReadOnly() {
		return nil, fmt.Errorf("%w: readers", csi.ErrInvalid)
	}
	return b.Memory.CreateVolume(ctx, spec)
}

type needsSize struct{ *Memory }

func (b *needsSize) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if spec.Size.Required == 0 {
		return nil, fmt.Errorf("%w: no size", csi.ErrInvalid)
	}
	return b.Memory.CreateVolume(ctx, spec)
}

type plainNames struct{ *Memory }

func (b *plainNames) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if strings.Contains(spec.Name, "/") {
		return nil, fmt.Errorf("%w: name", csi.ErrInvalid)
	}
	return b.Memory.CreateVolume(ctx, spec)
}

type shortNames struct{ *Memory }

func (b *shortNames) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	if len(spec.Name) > 63 {
		return nil, fmt.Errorf("%w: name", csi.ErrInvalid)
	}
	return b.Memory.CreateVolume(ctx, spec)
}
