package ebs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/nvme"
)

func disks(t *testing.T, serials map[string]string) finder {
	s := finder{nvme.Tree{Sys: t.TempDir(), Dev: "/dev"}}
	for disk, serial := range serials {
		dir := filepath.Join(s.Sys, "block", disk, "device")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "serial"), []byte(serial+"  \n"), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(s.Sys, "block"), 0o755))
	return s
}

// A disk that does not appear in time may do so later: the answer must not be
// one that the kubelet takes for final.
func TestLocate_ADiskThatIsLate(t *testing.T) {
	find := func(context.Context, csi.NodeVolume) (csi.Device, error) { return csi.Device{}, csi.ErrNotFound }
	b, err := New(Options{FindDevice: find, DeviceTimeout: time.Millisecond})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	_, err = b.Locate(t.Context(), csi.NodeVolume{ID: "vol-0123456789abcdef0"})
	require.ErrorIs(t, err, csi.ErrUnavailable)
	require.NotErrorIs(t, err, csi.ErrNotFound)
}

func TestR2_DiskIsFoundByItsSerial(t *testing.T) {
	const id = "vol-0123456789abcdef0"
	v := csi.NodeVolume{ID: id, PublishContext: map[string]string{contextDevice: "/dev/xvdaa"}}
	all := map[string]string{"nvme0n1": "vol0aaaaaaaaaaaaaaaa", "nvme1n1": "vol0123456789abcdef0", "nvme2n1": "AWS-instance-store", "loop0": "vol0123456789abcdef0"}
	d, err := disks(t, all).find(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, "/dev/nvme1n1", d.Path)
	require.Equal(t, map[string]string{"device/serial": "vol0123456789abcdef0"}, d.Sysfs)
	for mode, fenced := range map[csi.AccessMode]bool{csi.SingleNodeWriter: true, csi.SingleNodeReaderOnly: true, csi.MultiNodeReaderOnly: false, csi.MultiNodeMultiWriter: false} {
		v.Access.Mode = mode
		d, err := disks(t, all).find(t.Context(), v)
		require.NoError(t, err)
		require.Equal(t, fenced, d.Fenced, "%v", mode)
	}

	delete(all, "nvme1n1")
	all["xvdaa"] = ""
	_, err = disks(t, all).find(t.Context(), v)
	require.ErrorIs(t, err, csi.ErrNotFound, "with NVMe no name is trusted, and a loop device never")

	all["nvme1n1"], all["nvme5n1"] = "vol0123456789abcdef0", "vol0123456789abcdef0"
	_, err = disks(t, all).find(t.Context(), v)
	require.ErrorIs(t, err, csi.ErrUnavailable, "two disks of one serial")

	d, err = disks(t, map[string]string{"xvda": "", "xvdaa": ""}).find(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, "/dev/xvdaa", d.Path)
	require.NotEmpty(t, d.Anonymous)
	require.False(t, d.Fenced, "it is known by its name only")
}

// TestPartition_OfAVolumeMadeByHand is found on its disk, of either kind, and is
// never formatted.
func TestPartition_OfAVolumeMadeByHand(t *testing.T) {
	const id = "vol-0123456789abcdef0"
	volume := func(partition string) csi.NodeVolume {
		return csi.NodeVolume{ID: id, Context: map[string]string{contextPartition: partition}, PublishContext: map[string]string{contextDevice: "/dev/sdf"}}
	}
	nitro := disks(t, map[string]string{"nvme1n1": "vol0123456789abcdef0"})
	require.NoError(t, os.Mkdir(filepath.Join(nitro.Sys, "block/nvme1n1/nvme1n1p2"), 0o755))
	xen := disks(t, map[string]string{"xvdf": ""})
	require.NoError(t, os.Mkdir(filepath.Join(xen.Sys, "block/xvdf/xvdf2"), 0o755))
	for f, path := range map[*finder]string{&nitro: "/dev/nvme1n1", &xen: "/dev/xvdf"} {
		for _, whole := range []string{"", "0"} {
			d, err := f.find(t.Context(), volume(whole))
			require.NoError(t, err)
			require.Equal(t, path, d.Path)
			require.False(t, d.NeverFormat)
		}
		d, err := f.find(t.Context(), volume("2"))
		require.NoError(t, err)
		require.Equal(t, map[*finder]string{&nitro: "/dev/nvme1n1p2", &xen: "/dev/xvdf2"}[f], d.Path)
		require.True(t, d.NeverFormat)
		require.False(t, d.Fenced)
		require.NotNil(t, d.Verify, "who has it open checks its disk")
		null, err := os.Open("/dev/null")
		require.NoError(t, err)
		require.ErrorIs(t, d.Verify(t.Context(), null), csi.ErrUnavailable)
		require.NoError(t, null.Close())

		_, err = f.find(t.Context(), volume("3"))
		require.ErrorIs(t, err, csi.ErrNotFound, "the kernel may not have read the table yet")
		for _, bad := range []string{"-1", "01", "2/../../x", "1000", "two"} {
			_, err = f.find(t.Context(), volume(bad))
			require.ErrorIs(t, err, csi.ErrInvalid, bad)
		}
	}
}
