package fs

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var (
	ours   = uuid.MustParse("6f1c1a52-0d6a-5c1e-9a51-2f64a1a3c001")
	theirs = uuid.MustParse("11111111-2222-4333-8444-555555555555")
)

// extOf describes an ext superblock to make.
type extOf struct {
	kind          string
	id            uuid.UUID
	errors, dirty bool
	replay        bool
	group         uint16
}

func extImage(e extOf) []byte {
	b, le := make([]byte, extLength), binary.LittleEndian
	state, incompat := uint16(extValid), uint32(extIncompatFiletype)
	if e.errors {
		state |= extErrors
	}
	if e.dirty {
		state &^= extValid
	}
	if e.replay {
		incompat |= extIncompatRecover
	}
	if e.kind != "ext2" {
		le.PutUint32(b[92:], extCompatJournal)
	}
	if e.kind == "ext4" {
		incompat |= 0x40 // extents
		le.PutUint32(b[100:], extRoCompatMetaCsum)
		b[373] = extChecksumTypeCRC32C
	}
	le.PutUint32(b[4:], 16384)
	le.PutUint32(b[24:], 2)
	le.PutUint32(b[32:], 32768)
	le.PutUint16(b[56:], extMagic)
	le.PutUint16(b[58:], state)
	le.PutUint16(b[90:], e.group)
	le.PutUint32(b[96:], incompat)
	copy(b[104:], e.id[:])
	le.PutUint32(b[1020:], ^crc32.Checksum(b[:1020], castagnoli))
	return b
}

func xfsImage(id uuid.UUID, inProgress bool) []byte {
	b, be := make([]byte, 512), binary.BigEndian
	copy(b, xfsMagic)
	be.PutUint32(b[4:], 4096)
	be.PutUint64(b[8:], 16384)
	copy(b[32:], id[:])
	be.PutUint32(b[84:], 4096)
	be.PutUint32(b[88:], 4)
	be.PutUint16(b[100:], 5)
	be.PutUint16(b[102:], 512)
	b[120] = 12
	if inProgress {
		b[126] = 1
	}
	binary.LittleEndian.PutUint32(b[xfsCRCOffset:], crc32.Checksum(b, castagnoli))
	return b
}

func btrfsImage(id uuid.UUID, at int64, temporary bool) []byte {
	b, le := make([]byte, btrfsLength), binary.LittleEndian
	copy(b[32:], id[:])
	le.PutUint64(b[48:], uint64(at))
	copy(b[64:], btrfsMagic)
	if temporary {
		copy(b[64:], btrfsTemporary)
	}
	le.PutUint64(b[136:], 1)
	le.PutUint32(b[144:], 4096)
	le.PutUint64(b[201:], 1)
	le.PutUint64(b[209:], 64<<20)
	le.PutUint32(b, crc32.Checksum(b[32:], castagnoli))
	return b
}

func luksImage(version uint16, magic string, at int64) []byte {
	b := make([]byte, luksLength)
	copy(b, magic)
	binary.BigEndian.PutUint16(b[6:], version)
	copy(b[168:], theirs.String())
	if version == 2 {
		binary.BigEndian.PutUint64(b[256:], uint64(at))
	}
	return b
}

func lvmImage(sector uint64) []byte {
	b := make([]byte, 512)
	copy(b, "LABELONE")
	binary.LittleEndian.PutUint64(b[8:], sector)
	copy(b[24:], "LVM2 001")
	return b
}

func md1Image(at int64) []byte {
	b := make([]byte, 256)
	binary.LittleEndian.PutUint32(b, mdMagic)
	binary.LittleEndian.PutUint32(b[4:], 1)
	copy(b[16:], theirs[:])
	binary.LittleEndian.PutUint64(b[144:], uint64(at/512))
	return b
}

func md0Image(order binary.ByteOrder) []byte {
	b := make([]byte, 4096)
	order.PutUint32(b, mdMagic)
	order.PutUint32(b[8:], 90)
	return b
}

func gptImage(lba uint64) []byte {
	b := make([]byte, 512)
	copy(b, gptMagic)
	binary.LittleEndian.PutUint32(b[12:], 92)
	binary.LittleEndian.PutUint64(b[24:], lba)
	copy(b[56:], theirs[:])
	binary.LittleEndian.PutUint32(b[16:], crc32.ChecksumIEEE(b[:92]))
	return b
}

func mbrImage(kind byte) []byte {
	b := make([]byte, 512)
	b[446+4] = kind
	binary.LittleEndian.PutUint32(b[446+8:], 2048)
	binary.LittleEndian.PutUint32(b[446+12:], 4096)
	b[510], b[511] = 0x55, 0xaa
	return b
}

func bootImage(text string) []byte {
	b := make([]byte, 512)
	b[0] = 0xeb
	copy(b[3:], text)
	binary.LittleEndian.PutUint16(b[11:], 512)
	b[13], b[14], b[16], b[21] = 8, 1, 2, 0xf8
	b[510], b[511] = 0x55, 0xaa
	return b
}

const small = 64 << 20

// signatures has one sign of everything that is recognised.
var signatures = []struct {
	name string
	kind string
	at   int64
	data []byte
}{
	{"ext2", "ext2", extOffset, extImage(extOf{kind: "ext2", id: theirs})},
	{"ext3", "ext3", extOffset, extImage(extOf{kind: "ext3", id: theirs})},
	{"ext4", "ext4", extOffset, extImage(extOf{kind: "ext4", id: theirs})},
	{"xfs", "xfs", 0, xfsImage(theirs, false)},
	{"btrfs", "btrfs", btrfsOffset, btrfsImage(theirs, btrfsOffset, false)},
	{"LUKS1", "crypto_LUKS", 0, luksImage(1, luksMagic, 0)},
	{"LUKS2", "crypto_LUKS", 0, luksImage(2, luksMagic, 0)},
	{"LUKS2 second header", "crypto_LUKS", 32 << 10, luksImage(2, luksSecond, 32<<10)},
	{"LVM2", "LVM2_member", 512, lvmImage(1)},
	{"md 1.0", "linux_raid_member", small - 8192, md1Image(small - 8192)},
	{"md 1.1", "linux_raid_member", 0, md1Image(0)},
	{"md 1.2", "linux_raid_member", 4096, md1Image(4096)},
	{"md 0.90", "linux_raid_member", small - 65536, md0Image(binary.LittleEndian)},
	{"md 0.90 other byte order", "linux_raid_member", small - 65536, md0Image(binary.BigEndian)},
	{"zfs first label", "zfs_member", zfsArray + 3*zfsSlot, uberblocks(4)},
	{"zfs second label", "zfs_member", zfsLabel + zfsArray, uberblocksOf(binary.BigEndian, 4)},
	{"zfs last label", "zfs_member", small - zfsLabel + zfsArray, uberblocks(4)},
	{"swap 4k", "swap", 4096 - 10, []byte("SWAPSPACE2")},
	{"swap 64k", "swap", 65536 - 10, []byte("SWAPSPACE2")},
	{"gpt", "gpt", 512, gptImage(1)},
	{"gpt 4k sectors", "gpt", 4096, gptImage(1)},
	{"gpt backup", "gpt", small - 512, gptImage(small/512 - 1)},
	{"dos", "dos", 0, mbrImage(0x83)},
	{"ntfs", "ntfs", 0, bootImage("NTFS    ")},
	{"exfat", "exfat", 0, bootImage("EXFAT   ")},
	{"vfat", "vfat", 0, bootImage("mkfs.fat")},
	{"squashfs", "squashfs", 0, []byte("hsqs")},
	{"bluestore", "ceph_bluestore", 0, []byte("bluestore block device\n")},
	{"bcache", "bcache", 4096 + 24, []byte("\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81")},
	{"iso9660", "iso9660", 32769, []byte("CD001")},
	{"f2fs", "f2fs", 1024, []byte("\x10\x20\xf5\xf2")},
}

func TestR1_EverySignatureIsKnown(t *testing.T) {
	for _, s := range signatures {
		c := newDisk(small).put(s.at, s.data).examine(t)
		require.Equal(t, Known, c.State, "%s: %v", s.name, c)
		require.Equal(t, s.kind, c.Type, s.name)
		require.False(t, c.InProgress, s.name)
		require.Contains(t, c.String(), "at byte ", s.name)
	}
}

// Two signatures that do not overlap and are not copies of the same thing.
func TestR1_TwoSignaturesAreAmbiguous(t *testing.T) {
	pairs := 0
	for i, a := range signatures {
		for _, b := range signatures[i+1:] {
			overlap := a.at < b.at+int64(len(b.data)) && b.at < a.at+int64(len(a.data))
			rest := a.kind == "crypto_LUKS" || b.kind == "crypto_LUKS" || a.name == "zfs second label" || b.name == "zfs second label"
			file := slices.Contains([]string{"ext4", "xfs", "btrfs"}, a.kind) && slices.Contains([]string{"md 1.0", "md 0.90", "md 0.90 other byte order", "zfs last label", "gpt backup"}, b.name) ||
				b.name == "zfs first label" && slices.Contains([]string{"ext4", "xfs"}, a.kind)
			if file || overlap || a.kind == b.kind || rest {
				continue
			}
			pairs++
			c := newDisk(small).put(a.at, a.data).put(b.at, b.data).examine(t)
			require.Equal(t, Ambiguous, c.State, "%s and %s: %v", a.name, b.name, c)
			require.GreaterOrEqual(t, len(c.Evidence), 2)
		}
	}
	require.Greater(t, pairs, 200)
}

func TestGPTWithItsMBRAndBackupIsOneThing(t *testing.T) {
	c := newDisk(small).put(0, mbrImage(0xee)).put(512, gptImage(1)).put(small-512, gptImage(small/512-1)).examine(t)
	require.Equal(t, "gpt", c.Type, c)
	require.Equal(t, "11111111-2222-3343-8444-555555555555", c.UUID)
}

// A signature inside a file is not at the place that its fields name.
func TestMisplacedSignaturesAreNotKnown(t *testing.T) {
	for name, d := range map[string]*disk{
		"gpt of another disk":  newDisk(small).put(small-512, gptImage(77)),
		"md of another place":  newDisk(small).put(4096, md1Image(8192)),
		"lvm of another place": newDisk(small).put(512, lvmImage(0)),
		"btrfs mirror first":   newDisk(small).put(btrfsOffset, btrfsImage(theirs, 64<<20, false)),
		"luks2 misplaced":      newDisk(small).put(0, luksImage(2, luksMagic, 4096)),
		"ext copy":             newDisk(small).put(extOffset, extImage(extOf{kind: "ext4", group: 1})),
	} {
		require.Equal(t, NonEmptyUnknown, d.examine(t).State, name)
	}
}

func TestR1_WipedBeginningIsTold(t *testing.T) {
	const size = 10 << 30
	for want, d := range map[string]*disk{
		"superblock of ext4 " + theirs.String():  newDisk(size).put(32768*4096, extImage(extOf{kind: "ext4", id: theirs, group: 1})),
		"superblock of xfs " + theirs.String():   newDisk(size).put(size/4, xfsImage(theirs, false)),
		"superblock of btrfs " + theirs.String(): newDisk(size).put(64<<20, btrfsImage(theirs, 64<<20, false)),
	} {
		c := d.examine(t)
		require.Equal(t, NonEmptyUnknown, c.State)
		require.Contains(t, c.String(), want)
	}
}

func TestR11_WhatTheExtSuperblockSays(t *testing.T) {
	for _, c := range []struct {
		of                extOf
		clean, needsCheck bool
	}{
		{extOf{}, true, false},
		{extOf{replay: true}, false, true},
		{extOf{errors: true}, false, true},
		{extOf{dirty: true}, false, true},
		{extOf{dirty: true, replay: true}, false, true},
		{extOf{errors: true, replay: true}, false, true},
	} {
		for _, c.of.kind = range []string{"ext3", "ext4"} {
			got := newDisk(small).put(extOffset, extImage(c.of)).examine(t)
			require.Equal(t, []bool{c.clean, c.needsCheck}, []bool{got.Clean, got.NeedsCheck}, "%+v", c.of)
		}
	}
}

func TestRuling21_HalfMadeIsKnownByItsUUID(t *testing.T) {
	tree := make([]byte, 16<<10)
	copy(tree[32:], ours[:])
	binary.LittleEndian.PutUint64(tree[48:], btrfsFirstTree)
	binary.LittleEndian.PutUint64(tree[80:], 1)
	binary.LittleEndian.PutUint32(tree, crc32.Checksum(tree[32:], castagnoli))
	for kind, d := range map[string]*disk{
		"xfs":   newDisk(small).put(0, xfsImage(ours, true)),
		"btrfs": newDisk(small).put(btrfsOffset, btrfsImage(ours, btrfsOffset, true)),
		"ext4":  newDisk(small).put(0, intentFor("ext4", ours)).put(5000, []byte("directories and bitmaps")),
		"ext3":  newDisk(small).put(0, intentFor("ext3", ours)),
	} {
		c := d.examine(t)
		require.Equal(t, []any{Known, kind, ours.String(), true, false}, []any{c.State, c.Type, c.UUID, c.InProgress, c.complete}, kind)
	}
	c := newDisk(small).put(btrfsFirstTree, tree).examine(t)
	require.Equal(t, []any{Known, "btrfs", ours.String(), true}, []any{c.State, c.Type, c.UUID, c.InProgress})
	c = newDisk(1<<30).put(btrfsFirstTree, tree).put(64<<20, btrfsImage(ours, 64<<20, false)).examine(t)
	require.Equal(t, NonEmptyUnknown, c.State, "a btrfs with a second superblock was complete")
}

// A complete file system with its intent left is not made again.
func TestR9_IntentBesideItsFileSystem(t *testing.T) {
	c := newDisk(small).put(0, intentFor("ext4", ours)).put(extOffset, extImage(extOf{kind: "ext4", id: ours})).examine(t)
	require.Equal(t, []any{Known, true, true}, []any{c.State, c.InProgress, c.complete})
	c = newDisk(small).put(0, intentFor("ext4", ours)).put(extOffset, extImage(extOf{kind: "ext4", id: theirs})).examine(t)
	require.Equal(t, Ambiguous, c.State, "another file system was made over our intent")
	c = newDisk(small).put(0, intentFor("ext4", ours)).put(512, lvmImage(1)).examine(t)
	require.Equal(t, Ambiguous, c.State)
	changed := intentFor("ext4", ours)
	changed[100]++
	require.Equal(t, NonEmptyUnknown, newDisk(small).put(0, changed).examine(t).State)
}
