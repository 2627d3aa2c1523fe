//go:build linux

package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

// A pool that is not mounted leaves an empty directory. What is missing there is
// not deleted: it would be an orphan that still takes its space.
func TestPool_NotMountedIsNotEmpty(t *testing.T) {
	looptest.NeedRoot(t)
	device, pool := looptest.Device(t, 64*mib), looptest.Dir(t)
	makeFS(t, "ext4", device)
	mount(t, device, pool, "ext4", "")
	b := open(t, pool)
	v := create(t, b, "data", mib)
	require.NoError(t, os.Remove(filepath.Join(pool, ".csikit-pool")))
	b = open(t, pool) // a pool of an earlier version gets its mark
	require.NoError(t, unix.Unmount(pool, 0))
	ref := csi.VolumeRef{ID: v.ID}
	for name, call := range map[string]func() error{
		"DeleteVolume": func() error { return b.DeleteVolume(t.Context(), ref) },
		"Volume":       func() error { _, err := b.Volume(t.Context(), ref); return err },
		"CreateVolume": func() error { _, err := b.CreateVolume(t.Context(), spec("data", mib)); return err },
		"Locate":       func() error { _, err := b.Locate(t.Context(), csi.NodeVolume{ID: v.ID}); return err },
		"Release":      func() error { return b.Release(t.Context(), csi.NodeVolume{ID: v.ID}) },
		"ListVolumes": func() error {
			for _, err := range b.ListVolumes(t.Context(), csi.ListQuery{}) {
				return err
			}
			return nil
		},
		"EphemeralVolumes": func() error { _, err := b.EphemeralVolumes(t.Context()); return err },
		"Probe":            func() error { return b.Probe(t.Context()) },
	} {
		require.ErrorIs(t, call(), csi.ErrUnavailable, name)
	}
	mount(t, device, pool, "ext4", "")
	require.NoError(t, b.Probe(t.Context()))
	require.Equal(t, []string{v.ID}, ids(t, b))
	require.NoError(t, b.DeleteVolume(t.Context(), ref))
}

// Every unpublish asks for the list of inline volumes.
func TestEphemeralVolumes_OneDamagedIsLeftOut(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	for _, id := range []string{"csi-1", "csi-2"} {
		require.NoError(t, b.CreateEphemeral(t.Context(), csi.NodeVolume{ID: id, Ephemeral: true}))
	}
	require.NoError(t, os.WriteFile(filepath.Join(pool, "ephemeral", hashOf("csi-1"), "meta.json"), []byte("{"), 0o600))
	got, err := b.EphemeralVolumes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"csi-2"}, got)
}
