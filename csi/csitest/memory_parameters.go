package csitest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/csikit/csikit/csi"
)

var memoryTiers = []string{"bronze", "silver", "gold"}

// memoryParameters joins maps of parameters, of which later ones win, and
// checks every key and value: "tier" is bronze, silver or gold, "iops" is a
// number up to 100000. Both may be changed later.
func memoryParameters(layers ...map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for _, m := range layers {
		for _, key := range keys(m) {
			if err := checkMemoryParameter(key, m[key]); err != nil {
				return nil, err
			}
			out[key] = m[key]
		}
	}
	return out, nil
}

func checkMemoryParameter(key, value string) error {
	switch key {
	case "tier":
		if !slices.Contains(memoryTiers, value) {
			return fmt.Errorf("%w: tier is %q, want one of %v", csi.ErrInvalid, value, memoryTiers)
		}
	case "iops":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 100_000 {
			return fmt.Errorf("%w: iops is %q, want a number from 1 to 100000", csi.ErrInvalid, value)
		}
	default:
		return fmt.Errorf("%w: unknown parameter %q, want tier or iops", csi.ErrInvalid, key)
	}
	return nil
}

// ModifyVolume implements [csi.Modifier].
func (m *Memory) ModifyVolume(ctx context.Context, c csi.Modification) error {
	changes, err := memoryParameters(c.Parameters)
	if err != nil {
		return err
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	v, err := m.volume(c.ID)
	if err != nil {
		return err
	}
	maps.Copy(v.parameters, changes)
	return nil
}

// Parameters returns what a volume was created with and modified to.
func (m *Memory) Parameters(id string) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.volumes[id]; v != nil {
		return maps.Clone(v.parameters)
	}
	return nil
}
