//go:build linux

package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

func TestStaticImage_IsUsedButNeverFormattedGrownOrDeleted(t *testing.T) {
	file := looptest.Image(t, 8*mib)
	b := open(t, newPool(t, "", 0), func(o *local.Options) { o.StaticDir = filepath.Dir(file) })
	id := "n1/image/image"
	v, err := b.Volume(t.Context(), csi.VolumeRef{ID: id})
	require.NoError(t, err)
	require.Equal(t, &csi.Volume{ID: id, Size: 8 * mib, Topology: []csi.Topology{{local.TopologyKey: "n1"}}}, v)
	d := locate(t, b, csi.NodeVolume{ID: id})
	require.True(t, d.NeverFormat)
	require.False(t, d.ReadsZero)
	require.Equal(t, d.Path, locate(t, b, csi.NodeVolume{ID: id}).Path)
	require.Empty(t, ids(t, b), "not listed")

	require.NoError(t, b.MarkFormatted(t.Context(), csi.NodeVolume{ID: id}))
	formatted, err := b.Formatted(t.Context(), csi.NodeVolume{ID: id})
	require.NoError(t, err)
	require.False(t, formatted)
	require.ErrorIs(t, b.GrowDevice(t.Context(), growth(id, 16*mib)), csi.ErrOutOfRange)
	_, err = b.CloneVolume(t.Context(), csi.VolumeRef{ID: id}, spec("c", 0))
	require.ErrorIs(t, err, csi.ErrInvalid)

	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id}))
	err = b.DeleteVolume(t.Context(), csi.VolumeRef{ID: id})
	require.ErrorIs(t, err, csi.ErrInUse)
	require.ErrorContains(t, err, "Retain")
	require.FileExists(t, file)
}

func TestDeleteStatic_OnlyWhenAsked(t *testing.T) {
	file := looptest.Image(t, 8*mib)
	b := open(t, newPool(t, "", 0), func(o *local.Options) { o.StaticDir, o.DeleteStatic = filepath.Dir(file), true })
	id := csi.VolumeRef{ID: "n1/image/image"}
	locate(t, b, csi.NodeVolume{ID: id.ID})
	require.ErrorIs(t, b.DeleteVolume(t.Context(), id), csi.ErrInUse)
	require.FileExists(t, file)
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: id.ID}))
	require.NoError(t, b.DeleteVolume(t.Context(), id))
	require.NoFileExists(t, file)
	require.ErrorIs(t, b.DeleteVolume(t.Context(), id), csi.ErrNotFound)
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: "n1/device/sda"}), csi.ErrInUse)
}

func TestStaticDevice_MustBeAllowed(t *testing.T) {
	looptest.NeedRoot(t)
	device, other := looptest.Device(t, 8*mib), looptest.Device(t, 4*mib)
	links := looptest.Dir(t)
	link := filepath.Join(links, "acme-disk_1")
	require.NoError(t, os.Symlink(device, link))
	require.NoError(t, os.Symlink(other, filepath.Join(links, "other")))
	b := open(t, newPool(t, "", 0), func(o *local.Options) { o.Devices = []string{filepath.Join(links, "acme-*")} })
	v, err := b.Volume(t.Context(), csi.VolumeRef{ID: "n1/device/acme-disk_1"})
	require.NoError(t, err)
	require.Equal(t, int64(8*mib), v.Size)
	for _, id := range []string{"n1/device/other", "n1/device/acme-none", "n1/image/acme-disk_1"} {
		_, err = b.Locate(t.Context(), csi.NodeVolume{ID: id})
		require.ErrorIs(t, err, csi.ErrNotFound, id)
	}
	d := locate(t, b, csi.NodeVolume{ID: v.ID})
	require.True(t, d.NeverFormat)
	f, err := os.Open(d.Path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	require.NoError(t, d.Verify(t.Context(), f))
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(other, link))
	require.ErrorContains(t, d.Verify(t.Context(), f), "no longer the block device", "R2: the name means another device now")

	// The kubelet's loop device on a raw volume is not ours to detach.
	kubelet := looptest.Attach(t, device)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(device, link))
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}))
	on, err := os.Open(kubelet)
	require.NoError(t, err)
	defer func() { _ = on.Close() }()
	_, err = on.ReadAt(make([]byte, 512), 0)
	require.NoError(t, err)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.WriteFile(link, nil, 0o600))
	_, err = b.Locate(t.Context(), csi.NodeVolume{ID: v.ID})
	require.Error(t, err, "a file is no device")
}
