package fs

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// R10, ruling 22: what is asked for is what the superblock has afterwards, as
// the tools of its own project read it.
func TestFormat_OptionsAreInTheSuperblock(t *testing.T) {
	readers := map[string][]string{
		"ext3": {"dumpe2fs", "-h"}, "ext4": {"dumpe2fs", "-h"},
		"xfs": {"xfs_db", "-r", "-c", "sb 0", "-c", "print"}, "btrfs": {"btrfs", "inspect-internal", "dump-super"},
	}
	for _, c := range []struct {
		name, kind string
		options    map[string]string
		want       []string // regular expressions
	}{
		{"sizes", "ext4", map[string]string{"blockSize": "2k", "inodeSize": "512", "bytesPerInode": "32768", "reservedBlocksPercentage": "5", "label": "data"},
			[]string{`Block size: +2048`, `Inode size:\s+512`, `Inode count: +10240\n`, `Reserved block count: +8192\n`, `volume name: +data`}},
		{"number of inodes, rounded to whole blocks", "ext4", map[string]string{"numberOfInodes": "20480"}, []string{`Inode count: +20496\n`, `Reserved block count: +0\n`}},
		{"bigalloc", "ext4", map[string]string{"ext4BigAlloc": "true", "ext4ClusterSize": "64k"}, []string{`features:.* bigalloc`, `Cluster size: +65536`}},
		{"stripes and journal", "ext4", map[string]string{"stride": "16", "stripeWidth": "64", "journalSize": "8m"},
			[]string{`RAID stride: +16\n`, `RAID stripe width: +64\n`, `(Total j|J)ournal size: +(8M|8192k)`}},
		{"features", "ext4", map[string]string{"ext4Features": "project,quota,^resize_inode", "ext4EncryptionSupport": "true"},
			[]string{`features:[^\n]* encrypt`, `features:[^\n]* quota`, `features:[^\n]* project`}},
		{"journal of ext3", "ext3", map[string]string{"journalSize": "8m"}, []string{`(Total j|J)ournal size: +(8M|8192k)`}},
		{"sizes", "xfs", map[string]string{"blockSize": "2k", "inodeSize": "1k", "sectorSize": "1k", "agCount": "3", "maxInodePercentage": "11", "logSize": "64m", "label": "data"},
			[]string{`blocksize = 2048`, `inodesize = 1024`, `sectsize = 1024`, `agcount = 3`, `imax_pct = 11`, `logblocks = 32768`, `fname = "data`}},
		{"stripes", "xfs", map[string]string{"stripeUnit": "64k", "stripeCount": "4"}, []string{`unit = 16\n`, `width = 64\n`}},
		// ro_compat: 1 finobt, 2 rmapbt, 4 reflink, 8 inobtcount; incompat: 8 bigtime.
		{"features on", "xfs", map[string]string{"rmapbt": "true"}, []string{`features_ro_compat = 0xf\n`, `features_incompat = 0xb\n`}},
		{"features off", "xfs", map[string]string{"reflink": "false", "bigtime": "false", "inobtcount": "false"},
			[]string{`features_ro_compat = 0x1\n`, `features_incompat = 0x3\n`}},
		{"all", "btrfs", map[string]string{"nodeSize": "32k", "btrfsFeatures": "^no-holes", "metadataProfile": "single", "dataProfile": "single", "label": "data"},
			[]string{`nodesize\s+32768`, `incompat_flags\s+0x141\n`, `label\s+data`, `sectorsize\s+4096`}},
	} {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			size := int64(320 << 20)
			if c.options["stripeUnit"] != "" {
				size = 2 << 30 // mkfs.xfs wants a larger log then
			}
			d, _ := newDevice(t, size)
			require.NoError(t, d.Format(t.Context(), Format{Type: c.kind, UUID: unique(c.kind).UUID, Options: c.options}))
			reader := readers[c.kind]
			text, err := exec.Command(reader[0], append(reader[1:], d.name)...).CombinedOutput()
			require.NoError(t, err, "%s", text)
			for _, want := range c.want {
				require.Regexp(t, want, string(text))
			}
		})
	}
}
