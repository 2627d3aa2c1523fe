package fs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func joined(m mkfs) string { return m.tool + " " + strings.Join(m.args, " ") }

func TestMkfsExt(t *testing.T) {
	f := Format{Type: "ext4", UUID: ours.String()}
	require.Equal(t, "mkfs.ext4 -q -U "+ours.String()+" -O none,sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr,has_journal,"+
		"extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize -b 4096 -I 256 -m 0 -E nodiscard,lazy_itable_init=1,lazy_journal_init=0",
		joined(mkfsExt(f, false)))
	f.ReadsZero = true
	require.Contains(t, joined(mkfsExt(f, false)), "lazy_journal_init=1")
	require.Contains(t, joined(mkfsExt(f, true)), "lazy_journal_init=0", "a first attempt has written")
	for _, again := range []bool{false, true} {
		require.NotContains(t, mkfsExt(f, again).args, "-F")
	}
	f.Options = map[string]string{"ext4BigAlloc": "true", "ext4ClusterSize": "64k", "ext4EncryptionSupport": "true", "bytesPerInode": "8k", "label": "l"}
	require.Contains(t, joined(mkfsExt(f, false)), ",bigalloc,encrypt -b 4096 -I 256 -m 0 -i 8192 -C 65536 -E")
}

func TestR10_LaterFeaturesOfXFSAreTurnedOff(t *testing.T) {
	f := Format{Type: "xfs", UUID: ours.String()}
	require.Equal(t, "mkfs.xfs -q -m uuid="+ours.String()+",crc=1,finobt=1,bigtime=1,inobtcount=1,rmapbt=0,reflink=1 -i sparse=1", joined(mkfsXFS(f, "", false)))
	usage := "[-m crc=0|1,...,bigtime=0|1,autofsck=xxx,metadir=0|1] [-i ...,nrext64=0|1,exchange=0|1] [-n size=num,parent=0|1]"
	require.Equal(t, "mkfs.xfs -q -f -m uuid="+ours.String()+",crc=1,finobt=1,bigtime=1,inobtcount=1,rmapbt=0,reflink=1,metadir=0,autofsck=0 "+
		"-i sparse=1,nrext64=0,exchange=0 -n parent=0", joined(mkfsXFS(f, usage, true)))
}

func TestR10_LaterFeaturesOfBtrfsAreTurnedOff(t *testing.T) {
	f := Format{Type: "btrfs", UUID: ours.String()}
	features := `Filesystem features available:
mixed-bg            - mixed data and metadata block groups (compat=2.6.37, safe=2.6.37)
extref              - increased hardlink limit per file to 65536 (compat=3.7, safe=3.12, default=3.12)
free-space-tree     - free space tree, improved space tracking (compat=4.5, safe=4.9, default=5.15)
block-group-tree    - block group tree, more efficient block group tracking (compat=6.1, safe=6.1, default=6.19)
raid-stripe-tree    - raid stripe tree (compat=6.7)
squota              - squota support (simple accounting qgroups) (compat=6.7, default=7.1)
`
	require.Equal(t, "mkfs.btrfs -q -U "+ours.String()+" -s 4096 -O ^block-group-tree,^squota", joined(mkfsBtrfs(f, features, false)))
	f.ReadsZero = true
	require.Equal(t, "mkfs.btrfs -q -f -K -U "+ours.String()+" -s 4096", joined(mkfsBtrfs(f, "", true)))
}
