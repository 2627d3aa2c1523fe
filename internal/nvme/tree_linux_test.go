package nvme

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine makes a tree with disks, by their serial numbers.
func machine(t *testing.T, serials map[string]string) Tree {
	tree := Tree{t.TempDir(), "/dev"}
	require.NoError(t, os.MkdirAll(filepath.Join(tree.Sys, "dev/block"), 0o755))
	for disk, serial := range serials {
		dir := filepath.Join(tree.Sys, "block", disk, "device")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "serial"), []byte(serial+"   \n"), 0o600))
	}
	return tree
}

func TestSerials_OnlyOfNVMeDisks(t *testing.T) {
	tree := machine(t, map[string]string{"nvme0n1": "a", "nvme10n2": "b", "loop0": "a", "sda": "a", "nvme0n1p1": "a"})
	serials, err := tree.Serials()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"nvme0n1": "a", "nvme10n2": "b"}, serials)

	require.NoError(t, os.Remove(filepath.Join(tree.Sys, "block/nvme0n1/device/serial")))
	serials, err = tree.Serials()
	require.NoError(t, err, "a disk that is just going")
	require.Equal(t, map[string]string{"nvme10n2": "b"}, serials)

	_, err = Tree{Sys: "/does/not/exist"}.Serials()
	require.Error(t, err, "no sysfs is not the same as no disks")
}

func TestBySerial_TellsTwoFromOne(t *testing.T) {
	for _, c := range []struct {
		serials map[string]string
		found   []string
		any     bool
	}{
		{map[string]string{"nvme0n1": "a", "nvme1n1": "b"}, []string{"nvme1n1"}, true},
		{map[string]string{"nvme0n1": "a"}, nil, true},
		{map[string]string{"nvme0n1": "b", "nvme1n1": "b"}, []string{"nvme0n1", "nvme1n1"}, true},
		{map[string]string{"xvda": "b"}, nil, false},
	} {
		tree := machine(t, c.serials)
		require.NoError(t, os.MkdirAll(filepath.Join(tree.Sys, "block"), 0o755))
		found, some, err := tree.BySerial("b")
		require.NoError(t, err)
		require.ElementsMatch(t, c.found, found)
		require.Equal(t, c.any, some)
	}
}

// TestCheckPartition_DiskMayHaveBeenReplaced: the name is that of a partition of
// another disk now.
func TestCheckPartition_DiskMayHaveBeenReplaced(t *testing.T) {
	tree := machine(t, map[string]string{"nvme1n1": "b"})
	partition := filepath.Join(tree.Sys, "block/nvme1n1/nvme1n1p1")
	require.NoError(t, os.Mkdir(partition, 0o755))
	require.NoError(t, os.Symlink(partition, filepath.Join(tree.Sys, "dev/block/259:3")))
	require.NoError(t, tree.checkNumber(259, 3, "nvme1n1p1", "b"))
	require.ErrorContains(t, tree.checkNumber(259, 3, "nvme1n1p1", "a"), `serial "b`)
	require.Error(t, tree.checkNumber(259, 3, "nvme1n1p2", "b"))
	require.Error(t, tree.checkNumber(259, 4, "nvme1n1p1", "b"))
	null, err := os.Open("/dev/null")
	require.NoError(t, err)
	defer func() { _ = null.Close() }()
	require.Error(t, tree.CheckPartition(null, "nvme1n1p1", "b"))
}

func TestEBSDevice_NoDisk(t *testing.T) {
	_, err := Machine.EBSDevice("null")
	require.Error(t, err, "/dev/null has no controller")
	_, err = Machine.EBSDevice("nvme99n99")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestEBSDevice_WithAndWithoutDirectory: EBS tells the name as the request that
// attached the disk had it.
func TestEBSDevice_WithAndWithoutDirectory(t *testing.T) {
	for told, want := range map[string]string{
		"/dev/xvdaa\x00\x00": "/dev/xvdaa", "sdf   ": "/dev/sdf", "": "", "    ": "",
		"/dev/0123456789012345678901234567not the name": "/dev/0123456789012345678901234567"[:32],
	} {
		data := make([]byte, identifyLength)
		copy(data[vendorOffset:], told)
		require.Equal(t, want, ebsDevice(data), "%q", told)
	}
}
