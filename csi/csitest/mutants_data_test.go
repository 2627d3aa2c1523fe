package csitest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// directories is a store whose volumes are directories, bound by the kernel.
// It is wrong in the way that fault names.
type directories struct {
	*Memory
	root, fault string
}

func (b *directories) path(id string) string {
	if b.fault == "reuses" {
		id = "volume"
	}
	return filepath.Join(b.root, id)
}

func (b *directories) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	if _, err := b.Memory.Locate(ctx, v); err != nil {
		return nil, err
	}
	return csi.Share{Type: "bind", Source: b.path(v.ID)}, os.MkdirAll(b.path(v.ID), 0o700)
}

func (b *directories) Release(ctx context.Context, v csi.NodeVolume) error {
	if b.fault == "forgets" {
		_ = os.RemoveAll(b.path(v.ID))
	}
	return b.Memory.Release(ctx, v)
}

func (b *directories) DeleteVolume(ctx context.Context, v csi.VolumeRef) error {
	err := b.Memory.DeleteVolume(ctx, v)
	if err == nil && b.fault != "reuses" {
		_ = os.RemoveAll(b.path(v.ID))
	}
	return err
}

func (b *directories) GrowDevice(ctx context.Context, e csi.Expansion) error {
	if b.fault == "wipes" {
		_ = os.Remove(filepath.Join(b.path(e.ID), "data"))
	}
	return b.Memory.GrowDevice(ctx, e)
}

func (b *directories) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	n, err := b.Memory.CreateSnapshot(ctx, spec)
	if err != nil || exists(b.path(n.ID)) {
		return n, err
	}
	return n, os.CopyFS(b.path(n.ID), os.DirFS(b.path(n.VolumeID)))
}

func (b *directories) RestoreVolume(ctx context.Context, ref csi.SnapshotRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := b.Memory.RestoreVolume(ctx, ref, spec)
	if err != nil || exists(b.path(v.ID)) {
		return v, err
	}
	from := ref.ID
	if n, err := b.Snapshot(ctx, ref); err == nil && b.fault == "restores now" {
		from = n.VolumeID
	}
	return v, os.CopyFS(b.path(v.ID), os.DirFS(b.path(from)))
}

func (b *directories) CloneVolume(ctx context.Context, ref csi.VolumeRef, spec csi.VolumeSpec) (*csi.Volume, error) {
	v, err := b.Memory.CloneVolume(ctx, ref, spec)
	if err != nil || exists(b.path(v.ID)) || b.fault == "clones nothing" {
		return v, err
	}
	if b.fault == "shares" {
		return v, errors.Join(os.Mkdir(b.path(v.ID), 0o700), os.Link(filepath.Join(b.path(ref.ID), "data"), filepath.Join(b.path(v.ID), "data")))
	}
	return v, os.CopyFS(b.path(v.ID), os.DirFS(b.path(ref.ID)))
}

// TestEveryDataCheckCanFail is TestEveryCheckCanFail for what is on volumes.
func TestEveryDataCheckCanFail(t *testing.T) {
	looptest.NeedRoot(t)
	for _, m := range []struct {
		fault string
		found []string
	}{
		{"", nil},
		{"forgets", []string{"Data/OutlivesUnstage"}},
		{"wipes", []string{"Data/GrowthKeepsIt"}},
		{"restores now", []string{"Data/RestoreHasIt"}},
		{"clones nothing", []string{"Data/CloneHasIt"}},
		{"shares", []string{"Data/CloneHasIt"}},
		{"reuses", []string{"Data/NewIsEmpty"}},
		{"writes", []string{"Data/ReadonlyRefusesWrites"}},
		{"other file system", []string{"Data/EveryFileSystem"}},
	} {
		t.Run("fault "+m.fault, func(t *testing.T) {
			names := m.found
			if m.fault == "" {
				names = []string{"Data/OutlivesUnstage", "Data/GrowthKeepsIt", "Data/RestoreHasIt", "Data/CloneHasIt", "Data/NewIsEmpty", "Data/ReadonlyRefusesWrites"}
			}
			for _, name := range names {
				r := record(t, named(t, name), directoriesHarness(t, m.fault))
				require.False(t, r.skipped, name)
				require.Equal(t, m.fault != "", r.Failed(), "%s: %s", name, r.said())
				t.Logf("%s: %s", name, r.said())
			}
		})
	}
}

func directoriesHarness(t *testing.T, fault string) Harness {
	m := NewMemory(nil)
	h := m.Harness()
	root := looptest.Dir(t)
	h.Backend = func() csi.Locator { return &directories{m, root, fault} }
	h.Devices = true
	switch fault {
	case "writes":
		h.tamper = rewriteReadonly
	case "other file system":
		h.FSTypes = []string{"csitestfs"}
	}
	return h
}
