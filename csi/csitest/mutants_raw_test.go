package csitest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

// images is a store whose volumes are image files, used as raw devices. It is
// wrong in the way that fault names.
type images struct {
	*Memory
	root, fault string
}

func (b *images) open(id string) (*os.File, error) {
	if b.fault == "is another device each time" {
		return os.CreateTemp(b.root, "")
	}
	return os.OpenFile(filepath.Join(b.root, id), os.O_RDWR|os.O_CREATE, 0o600)
}

func (b *images) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	if b.fault == "is a directory" {
		return csi.Share{Type: "bind", Source: b.root}, nil
	}
	f, err := b.open(v.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(8 << 20); err != nil {
		return nil, err
	}
	loop, err := loopdev.Ensure(ctx, f)
	return csi.Device{Path: loop.Path, Anonymous: "the store of a test"}, err
}

func (b *images) Release(ctx context.Context, v csi.NodeVolume) error {
	all, err := filepath.Glob(filepath.Join(b.root, "*"))
	if err != nil {
		return err
	}
	for _, path := range all {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := loopdev.DetachAll(ctx, f); err != nil {
			return err
		}
		if b.fault == "forgets" {
			if err := f.Truncate(0); err != nil {
				return err
			}
		}
	}
	return b.Memory.Release(ctx, v)
}

// TestTheRawBlockCheckCanFail is TestEveryDataCheckCanFail for raw devices.
func TestTheRawBlockCheckCanFail(t *testing.T) {
	looptest.NeedRoot(t)
	for fault, said := range map[string]string{
		"": "", "forgets": "other data than was written", "is another device each time": "other data than was written", "is a directory": "cannot be used as a raw device",
	} {
		t.Run("fault "+fault, func(t *testing.T) {
			root := looptest.Dir(t)
			m := NewMemory(&MemoryOptions{Traits: &csi.Traits{}})
			h := m.Harness()
			h.Devices = true
			h.Backend = func() csi.Locator { return &images{m, root, fault} }
			r := record(t, named(t, "Data/RawBlock"), h)
			require.False(t, r.skipped)
			require.Equal(t, fault != "", r.Failed(), r.said())
			require.Contains(t, r.said(), said)
		})
	}
}
