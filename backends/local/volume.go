package local

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"

	"github.com/csikit/csikit/csi"
)

// CreateVolume implements [csi.Provisioner].
func (b *Backend) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	return b.createVolume(ctx, spec, meta{}, nil)
}

// createVolume returns the volume named spec.Name. If it is missing it is made
// by fill of the source that m names.
func (b *Backend) createVolume(ctx context.Context, spec csi.VolumeSpec, m meta, fill func(*os.File) error) (*csi.Volume, error) {
	thick, err := allocation(spec.Parameters, spec.Mutable)
	if err != nil {
		return nil, err
	}
	if here := []csi.Topology{b.topology()}; !spec.Topology.Allows(here) {
		return nil, fmt.Errorf("%w: the volume must be reachable from %v, and this is %v", csi.ErrExhausted, spec.Topology.Candidates(), here)
	}
	size, err := spec.Size.Fit(granule, granule, b.o.MaxVolumeSize)
	if err != nil {
		return nil, err
	}
	m.Name, m.Size, m.Promised, m.Thick = spec.Name, size, size, thick
	e, err := b.create(ctx, place{volumes, hashOf(spec.Name)}, m, fill)
	if err != nil {
		return nil, err
	}
	return b.existing(e, spec)
}

// existing describes a volume that is there, if it is as spec says, as far as
// the framework cannot tell.
func (b *Backend) existing(e *entry, spec csi.VolumeSpec) (*csi.Volume, error) {
	if thick, err := allocation(spec.Parameters, spec.Mutable); err != nil || e.Thick != thick {
		return nil, cmp.Or(err, fmt.Errorf("%w: the volume %s named %s has another allocation", csi.ErrExists, b.id(e.place), spec.Name))
	}
	return b.volume(e), nil
}

// allocation reads the one parameter that volumes have.
func allocation(parameters, mutable map[string]string) (thick bool, err error) {
	for key := range mutable {
		return false, fmt.Errorf("%w: mutable parameter %q: local volumes have none", csi.ErrInvalid, key)
	}
	for key, value := range parameters {
		switch {
		case key != "allocation":
			return false, fmt.Errorf("%w: parameter %q: the only one is allocation", csi.ErrInvalid, key)
		case value != "thin" && value != "thick":
			return false, fmt.Errorf("%w: parameter allocation is %q: use thin or thick", csi.ErrInvalid, value)
		}
		thick = value == "thick"
	}
	return thick, nil
}

// DeleteVolume implements [csi.Provisioner]. A volume that is attached to a
// loop device here is [csi.ErrInUse], whether or not it is mounted.
func (b *Backend) DeleteVolume(ctx context.Context, v csi.VolumeRef) error {
	p, err := b.parse(v.ID)
	if err != nil {
		return err
	}
	if p.static() {
		return b.deleteStatic(ctx, v.ID, p)
	}
	return b.delete(ctx, p)
}

// Volume implements [csi.Provisioner].
func (b *Backend) Volume(_ context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	p, err := b.parse(v.ID)
	if err != nil {
		return nil, err
	}
	if p.static() {
		return b.staticVolume(v.ID, p)
	}
	return get(b, p, b.volume)
}

// ListVolumes implements [csi.VolumeLister]. Volumes made by hand are not
// listed.
func (b *Backend) ListVolumes(context.Context, csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return list(b, volumes, b.volume)
}

func (b *Backend) volume(e *entry) *csi.Volume {
	return &csi.Volume{ID: b.id(e.place), Size: e.Size, Source: e.Source, Topology: []csi.Topology{b.topology()}}
}
