package fs

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func options1(name, value string) map[string]string { return map[string]string{name: value} }

func TestR15_CheckFormat(t *testing.T) {
	good := map[string][]map[string]string{
		"ext4": {nil, options1("blockSize", "1024"), options1("blockSize", "4k"), options1("inodeSize", "512"), options1("bytesPerInode", "65536"),
			options1("numberOfInodes", "200192"), options1("reservedBlocksPercentage", "5"), options1("label", "data-1"),
			{"ext4BigAlloc": "true", "ext4ClusterSize": "16384"}, options1("ext4EncryptionSupport", "true"), options1("ext4BigAlloc", "false"),
			options1("journalSize", "64m"), {"stride": "16", "stripeWidth": "64"}, options1("ext4Features", "project,quota,^resize_inode")},
		"ext2": {options1("blockSize", "2048"), options1("label", "a")},
		"ext3": {options1("inodeSize", "256")},
		"xfs": {nil, options1("blockSize", "4096"), options1("inodeSize", "1024"), options1("reflink", "false"), options1("label", "twelve.chars"), {"stripeUnit": "64k", "stripeCount": "4"},
			options1("maxInodePercentage", "0"), options1("sectorSize", "512"), options1("rmapbt", "true"), options1("logSize", "64m"), options1("agCount", "8")},
		"btrfs": {nil, options1("nodeSize", "16k"), options1("sectorSize", "4096"), options1("metadataProfile", "single"), options1("dataProfile", "dup"), options1("btrfsFeatures", "^no-holes")},
	}
	for kind, all := range good {
		for _, o := range all {
			require.NoError(t, CheckFormat(Format{Type: kind, UUID: ours.String(), Options: o}), "%s %v", kind, o)
		}
	}
	bad := map[string][]map[string]string{
		"ext4": {options1("blockSize", ""), options1("blockSize", "4095"), options1("blockSize", "131072"), options1("blockSize", "-4096"),
			options1("blockSize", "4096 -F"), options1("blockSize", "0x1000"), options1("inodeSize", "100"), options1("nodeSize", "16384"),
			options1("label", "-F"), options1("label", "a,b"), options1("label", "a\x00b"), options1("label", "a\nb"), options1("label", "seventeen-letters"),
			options1("ext4BigAlloc", "1"), options1("ext4ClusterSize", "16384"), {"bytesPerInode": "4096", "numberOfInodes": "100"},
			options1("reservedBlocksPercentage", "51"), options1("mkfsOptions", "-F"), options1("BlockSize", "4096"), options1("", ""),
			options1("ext4Features", ""), options1("ext4Features", "project,"), options1("ext4Features", "^has_journal"), options1("ext4Features", "journal_dev"),
			options1("journalSize", "4m,device=/dev/sda"), options1("journalSize", "5000k"), {"ext4BigAlloc": "true", "ext4ClusterSize": "4k", "blockSize": "8k"}},
		"ext3": {options1("ext4BigAlloc", "true"), options1("reflink", "true")},
		"ext2": {options1("journalSize", "64m")},
		"xfs": {options1("stripeUnit", "64k"), options1("stripeCount", "4"), {"stripeUnit": "5000", "stripeCount": "4"}, options1("logSize", "1m"),
			options1("maxInodePercentage", "101"), options1("checksum", "sha256"),
			options1("bytesPerInode", "4096"), options1("numberOfInodes", "100"), options1("blockSize", "512,size=1m"), options1("label", "thirteen-char")},
		"btrfs": {options1("blockSize", "4096"), options1("metadataProfile", "raid1"), options1("dataProfile", "single -f"),
			options1("checksum", "xxhash"), options1("btrfsFeatures", "zoned"), options1("btrfsFeatures", "quota -f")},
	}
	for kind, all := range bad {
		for _, o := range all {
			require.ErrorIs(t, CheckFormat(Format{Type: kind, UUID: ours.String(), Options: o}), ErrOption, "%s %v", kind, o)
		}
	}
	require.ErrorContains(t, CheckFormat(Format{Type: "xfs", UUID: ours.String(), Options: options1("size", "1")}), "blockSize, inodeSize, reflink, rmapbt")
}

func TestR15_TypeAndUUID(t *testing.T) {
	for _, kind := range []string{"", "ext5", "vfat", "ntfs", "xfs -f", "../ext4", "EXT4"} {
		require.ErrorIs(t, CheckFormat(Format{Type: kind, UUID: ours.String()}), ErrOption, kind)
	}
	for _, id := range []string{"", "clear", "random", "time", "00000000-0000-0000-0000-000000000000", "{" + ours.String() + "}", "urn:uuid:" + ours.String(), strings.ReplaceAll(ours.String(), "-", "")} {
		require.ErrorIs(t, CheckFormat(Format{Type: "ext4", UUID: id}), ErrOption, id)
	}
	require.NoError(t, CheckFormat(Format{Type: "ext4", UUID: strings.ToUpper(ours.String())}))
}

// Every option that is allowed reaches the tool, and each has a test value.
func TestEveryOptionReachesMkfs(t *testing.T) {
	values := map[string]string{"blockSize": "2048", "inodeSize": "1024", "bytesPerInode": "54321", "numberOfInodes": "54321",
		"ext4BigAlloc": "true", "ext4ClusterSize": "32768", "ext4EncryptionSupport": "true", "reservedBlocksPercentage": "7",
		"reflink": "false", "nodeSize": "32768", "sectorSize": "8192", "metadataProfile": "single", "dataProfile": "dup", "label": "marker",
		"journalSize": "8m", "stride": "3", "stripeWidth": "9", "ext4Features": "project,quota", "rmapbt": "true", "bigtime": "false", "inobtcount": "false",
		"agCount": "3", "maxInodePercentage": "11", "logSize": "32m", "stripeUnit": "8k", "stripeCount": "3", "btrfsFeatures": "^extref"}
	needs := map[string]map[string]string{"ext4ClusterSize": options1("ext4BigAlloc", "true"),
		"stripeUnit": options1("stripeCount", "2"), "stripeCount": options1("stripeUnit", "4k")}
	for _, o := range options {
		for _, kind := range o.types {
			value, ok := values[o.name]
			require.True(t, ok, o.name)
			f := Format{Type: kind, UUID: ours.String(), Options: options1(o.name, value)}
			maps.Copy(f.Options, needs[o.name])
			require.NoError(t, CheckFormat(f))
			plain := f
			plain.Options = needs[o.name]
			require.NotEqual(t, planOf(plain), planOf(f), "%s of %s", o.name, kind)
		}
	}
}

func planOf(f Format) string {
	switch f.Type {
	case "xfs":
		return strings.Join(mkfsXFS(f, "", false).args, " ")
	case "btrfs":
		return strings.Join(mkfsBtrfs(f, "", false).args, " ")
	}
	return strings.Join(mkfsExt(f, false).args, " ")
}
