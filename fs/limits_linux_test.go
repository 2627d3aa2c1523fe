package fs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// TestFormat_SmallestDevices: on the least size there is a file system, and
// below it an error that says what to do and that does not pass.
func TestFormat_SmallestDevices(t *testing.T) {
	for _, f := range []Format{
		{Type: "ext2"}, {Type: "ext3"}, {Type: "ext4"}, {Type: "ext4", Options: options1("blockSize", "1024")},
		{Type: "xfs"}, {Type: "btrfs"}, {Type: "btrfs", Options: options1("metadataProfile", "single")}, {Type: "btrfs", Options: options1("dataProfile", "dup")},
	} {
		t.Run(f.Type, func(t *testing.T) {
			f.UUID = ours.String()
			f.ReadsZero = true
			require.GreaterOrEqual(t, MinSize(f), mkfsLeast(f))
			small := open(t, looptest.Device(t, mkfsLeast(f)-4096))
			err := small.Format(t.Context(), f)
			require.ErrorIs(t, err, ErrOption)
			require.ErrorContains(t, err, strconv.FormatInt(mkfsLeast(f), 10))
			c, err := small.Probe(t.Context())
			require.NoError(t, err)
			require.Equal(t, Empty, c.State, "nothing was written: %v", c)

			d := open(t, looptest.Device(t, mkfsLeast(f)))
			require.NoError(t, d.Format(t.Context(), f))
			c, err = d.Probe(t.Context())
			require.NoError(t, err)
			require.Equal(t, f.Type, c.Type, "an ext3 without a journal would be ext2")
		})
	}
	require.Zero(t, MinSize(Format{Type: "nfs"}))
}

// TestFormat_WhatMkfsAlwaysRefuses is told from what may pass: a retry of it
// would go on for ever.
func TestFormat_WhatMkfsAlwaysRefuses(t *testing.T) {
	for _, f := range []Format{
		{Type: "ext4", Options: options1("numberOfInodes", "4000000000")},
		{Type: "xfs", Options: map[string]string{"inodeSize": "2048", "blockSize": "1024"}},
	} {
		t.Run(f.Type, func(t *testing.T) {
			f.UUID = ours.String()
			d := open(t, looptest.Device(t, 320<<20))
			for range 2 {
				err := d.Format(t.Context(), f)
				require.ErrorIs(t, err, ErrOption)
				require.ErrorContains(t, err, "exit status 1")
			}
			f.Options = nil
			require.NoError(t, d.Format(t.Context(), f), "and with other options it works")
		})
	}
}

// TestFormat_BtrfsOfARecreatedVolume: the cache of libblkid still names a device
// by the UUID of the volume that was deleted, which the new one of the same name
// has too.
//
// libblkid believes its cache without a look in two cases (blkid_verify): for two
// seconds, if the device was not written to since, and for as long as the device
// cannot be opened. The first is what happens on nodes, and no base for a test:
// before it asks, mkfs.btrfs looks at all disks of the machine, which takes longer
// where that is slow, and then it makes the file system, so that a second try is
// refused for good reason. The second waits for nobody: a node on a file system
// that is mounted nodev.
func TestFormat_BtrfsOfARecreatedVolume(t *testing.T) {
	d := open(t, looptest.Device(t, btrfsLeast))
	dir := t.TempDir()
	require.NoError(t, unix.Mount("csikit-test", dir, "tmpfs", unix.MS_NODEV, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	gone := filepath.Join(dir, "gone")
	require.NoError(t, unix.Mknod(gone, unix.S_IFBLK|0o600, int(d.Number())))
	cache := filepath.Join(dir, "blkid.tab")
	t.Setenv("BLKID_FILE", cache)
	f := Format{Type: "btrfs", UUID: ours.String(), ReadsZero: true}
	line := fmt.Sprintf("<device DEVNO=\"%#04x\" TIME=\"1.0\" UUID=\"%s\" TYPE=\"btrfs\">%s</device>\n", d.Number(), f.UUID, gone)
	require.NoError(t, os.WriteFile(cache, []byte(line), 0o600))

	out, err := exec.Command("mkfs.btrfs", "-q", "-f", "-U", f.UUID, d.name).CombinedOutput()
	require.Error(t, err, "mkfs.btrfs no longer believes the cache of libblkid: if that is so of all releases in use, take out noCache (tool_linux.go) and this test")
	require.Contains(t, string(out), "non-unique")
	require.NoError(t, d.Format(t.Context(), f))
}
