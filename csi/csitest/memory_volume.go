package csitest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/csikit/csikit/csi"
)

// CreateVolume implements [csi.Provisioner].
func (m *Memory) CreateVolume(ctx context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	return m.create(ctx, spec, csi.ContentSource{}, noLeast)
}

// noLeast is the least size of a volume without a source.
func noLeast() (int64, error) { return 0, nil }

// create is get-or-create by name. least is asked, with the store locked, only
// if there is no such volume: the source of one that exists may be gone.
func (m *Memory) create(ctx context.Context, spec csi.VolumeSpec, source csi.ContentSource, least func() (int64, error)) (*csi.Volume, error) {
	parameters, err := memoryParameters(spec.Parameters, spec.Mutable)
	if err != nil {
		return nil, err
	}
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if v := m.named(spec.Name); v != nil {
		if !maps.Equal(v.parameters, parameters) {
			return nil, fmt.Errorf("%w: volume %q has parameters %v, not %v", csi.ErrExists, spec.Name, v.parameters, parameters)
		}
		return v.describe(), nil
	}
	atLeast, err := least()
	if err != nil {
		return nil, err
	}
	size, err := spec.Size.Fit(MemoryGranule, max(MemoryMinVolume, atLeast), MemoryMaxVolume)
	if err != nil {
		return nil, err
	}
	place, err := m.place(spec.Topology)
	if err != nil {
		return nil, err
	}
	if free := m.free(); size > free {
		return nil, fmt.Errorf("%w: volume %q needs %d bytes, %d are free", csi.ErrExhausted, spec.Name, size, free)
	}
	v := &memoryVolume{
		Volume: csi.Volume{ID: m.newID("vol"), Size: size, Source: source, Topology: place, Context: map[string]string{"store": "memory"}},
		name:   spec.Name, parameters: parameters,
		attached: map[string]csi.Attachment{}, located: map[string]bool{}, grown: map[string]int64{},
	}
	m.volumes[v.ID] = v
	return v.describe(), nil
}

// DeleteVolume implements [csi.Provisioner].
func (m *Memory) DeleteVolume(ctx context.Context, ref csi.VolumeRef) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	v, err := m.volume(ref.ID)
	if err != nil {
		return err
	}
	if users := slices.Concat(keys(v.attached), keys(v.located)); len(users) > 0 {
		return fmt.Errorf("%w: volume %s is in use on nodes %v", csi.ErrInUse, ref.ID, slices.Compact(users))
	}
	delete(m.volumes, ref.ID)
	return nil
}

// VolumeHealth implements [csi.HealthReporter]: nothing is ever wrong with
// memory.
func (m *Memory) VolumeHealth(ctx context.Context, ref csi.VolumeRef) ([]csi.Problem, error) {
	_, err := m.Volume(ctx, ref)
	return nil, err
}

// Volume implements [csi.Provisioner].
func (m *Memory) Volume(ctx context.Context, ref csi.VolumeRef) (*csi.Volume, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	v, err := m.volume(ref.ID)
	if err != nil {
		return nil, err
	}
	return v.describe(), nil
}

// ListVolumes implements [csi.VolumeLister].
func (m *Memory) ListVolumes(ctx context.Context, _ csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return func(yield func(*csi.Volume, error) bool) {
		if err := m.lock(ctx); err != nil {
			yield(nil, err)
			return
		}
		var all []*csi.Volume
		for _, v := range m.volumes {
			all = append(all, v.describe())
		}
		m.mu.Unlock()
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Capacity implements [csi.CapacityReporter].
func (m *Memory) Capacity(ctx context.Context, q csi.CapacityQuery) (csi.Capacity, error) {
	if _, err := memoryParameters(q.Parameters); err != nil {
		return csi.Capacity{}, err
	}
	if err := m.lock(ctx); err != nil {
		return csi.Capacity{}, err
	}
	defer m.mu.Unlock()
	if len(q.Topology) > 0 && !m.reachable(q.Topology) {
		return csi.Capacity{}, nil
	}
	return csi.Capacity{Available: m.free(), MaxVolume: min(MemoryMaxVolume, m.free()), MinVolume: MemoryMinVolume}, nil
}

// ExpandVolume implements [csi.Expander].
func (m *Memory) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	if err := m.lock(ctx); err != nil {
		return csi.Expanded{}, err
	}
	defer m.mu.Unlock()
	v, err := m.volume(e.ID)
	if err != nil {
		return csi.Expanded{}, err
	}
	if v.Size >= e.Size.Required {
		return csi.Expanded{Size: v.Size}, nil
	}
	size, err := e.Size.Fit(MemoryGranule, v.Size, MemoryMaxVolume)
	if err != nil {
		return csi.Expanded{}, err
	}
	if grow, free := size-v.Size, m.free(); grow > free {
		return csi.Expanded{}, fmt.Errorf("%w: volume %s needs %d bytes more, %d are free", csi.ErrExhausted, e.ID, grow, free)
	}
	v.Size = size
	return csi.Expanded{Size: size}, nil
}

func (m *Memory) named(name string) *memoryVolume {
	for _, v := range m.volumes {
		if v.name == name {
			return v
		}
	}
	return nil
}

func (m *Memory) free() int64 {
	free := m.opts.Capacity
	for _, v := range m.volumes {
		free -= v.Size
	}
	return free
}

// describe copies what the outside may see.
func (v *memoryVolume) describe() *csi.Volume {
	out := v.Volume
	out.Context = maps.Clone(v.Context)
	out.Topology = slices.Clone(v.Topology)
	for _, node := range keys(v.attached) {
		out.Attached = append(out.Attached, csi.Attached{Node: node, ReadOnly: v.attached[node].ReadOnly})
	}
	return &out
}
