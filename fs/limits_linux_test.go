package fs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// TestFormat_BtrfsOfARecreatedVolume: the cache of libblkid still names the
// device by the UUID of the volume that was deleted, which the new one of the
// same name has too.
func TestFormat_BtrfsOfARecreatedVolume(t *testing.T) {
	d := open(t, looptest.Device(t, btrfsLeast))
	cache := filepath.Join(t.TempDir(), "blkid.tab")
	t.Setenv("BLKID_FILE", cache)
	f := Format{Type: "btrfs", UUID: ours.String(), ReadsZero: true}
	stale := func() {
		now := time.Now()
		line := fmt.Sprintf("<device DEVNO=\"%#04x\" TIME=\"%d.%06d\" UUID=\"%s\" TYPE=\"btrfs\">%s</device>\n", d.Number(), now.Unix(), now.Nanosecond()/1000, f.UUID, d.name)
		require.NoError(t, os.WriteFile(cache, []byte(line), 0o600))
	}
	var out []byte
	var err error
	for try := 0; try < 5 && err == nil; try++ { // libblkid believes what is seconds old, which a slow machine misses
		stale()
		out, err = exec.Command("mkfs.btrfs", "-q", "-f", "-U", f.UUID, d.name).CombinedOutput()
	}
	if err == nil {
		t.Skip("this mkfs.btrfs does not mind its cache, or the machine is too slow to see it")
	}
	require.Contains(t, string(out), "non-unique")
	stale()
	require.NoError(t, d.Format(t.Context(), f))
}
