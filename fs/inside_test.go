package fs

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// uberblocks is what a zfs pool leaves in a label after a few transactions.
func uberblocks(n int) []byte { return uberblocksOf(binary.LittleEndian, n) }

func uberblocksOf(order binary.ByteOrder, n int) []byte {
	b := make([]byte, n*zfsSlot)
	for i := range n {
		order.PutUint64(b[i*zfsSlot:], zfsUberblock)
	}
	return b
}

// A pod owns the content of its files. What lies where a complete file system
// keeps files makes its volume neither ambiguous, nor another thing, nor empty.
func TestR1_AFileIsNoSignature(t *testing.T) {
	files := map[string]struct {
		at   int64
		data []byte
	}{
		"zfs first label":  {zfsArray, uberblocks(128)},
		"zfs second label": {zfsLabel + zfsArray, uberblocks(128)},
		"zfs last label":   {small - zfsLabel + zfsArray, uberblocks(64)},
		"md 1.0":           {small - 8192, md1Image(small - 8192)},
		"md 0.90":          {small - 65536, md0Image(binary.LittleEndian)},
		"gpt backup":       {small - 512, gptImage(small/512 - 1)},
		"gpt backup 4k":    {small - 4096, gptImage(small/4096 - 1)},
	}
	for _, s := range []struct {
		kind string
		at   int64
		data []byte
	}{
		{"ext4", extOffset, extImage(extOf{kind: "ext4", id: ours})},
		{"xfs", 0, xfsImage(ours, false)},
		{"btrfs", btrfsOffset, btrfsImage(ours, btrfsOffset, false)},
	} {
		for name, f := range files {
			if s.kind == "btrfs" && name == "zfs first label" {
				continue // its files begin at 1 MiB
			}
			c := newDisk(small).put(s.at, s.data).put(f.at, f.data).examine(t)
			require.Equal(t, []any{Known, s.kind, ours.String(), false}, []any{c.State, c.Type, c.UUID, c.InProgress}, "%s in %s: %v", name, s.kind, c)
			if name != "zfs second label" {
				require.Contains(t, c.String(), "in a file", "it is told")
			}
		}
	}
	for name, f := range files {
		c := newDisk(small).put(f.at, f.data).examine(t)
		require.Equal(t, Known, c.State, "%s alone is what it is: %v", name, c)
	}
}

// The mark is not believed of a file system that is not proven complete, and
// not of what no file can hold.
func TestR1_OnlyACompleteFileSystemHasFiles(t *testing.T) {
	md := md1Image(small - 8192)
	for name, d := range map[string]*disk{
		"half-made xfs":           newDisk(small).put(0, xfsImage(ours, true)).put(small-8192, md),
		"half-made btrfs":         newDisk(small).put(btrfsOffset, btrfsImage(ours, btrfsOffset, true)).put(small-8192, md),
		"intent to make ext4":     newDisk(small).put(0, intentFor("ext4", ours)).put(small-8192, md),
		"ext2, without checksum":  newDisk(small).put(extOffset, extImage(extOf{kind: "ext2", id: ours})).put(small-8192, md),
		"squashfs":                newDisk(small).put(0, []byte("hsqs")).put(small-8192, md),
		"primary gpt":             newDisk(small).put(btrfsOffset, btrfsImage(ours, btrfsOffset, false)).put(512, gptImage(1)),
		"zfs in front of btrfs":   newDisk(small).put(btrfsOffset, btrfsImage(ours, btrfsOffset, false)).put(zfsArray, uberblocks(8)),
		"zfs made over ext4":      newDisk(small).put(extOffset, extImage(extOf{kind: "ext4", id: ours})).put(zfsConfig, []byte{1, 1, 0, 0, 0, 0, 0, 0}).put(zfsArray, uberblocks(8)),
		"array around ext4":       newDisk(small+1<<20).put(extOffset, extImage(extOf{kind: "ext4", id: ours})).put(small+1<<20-8192, md1Image(small+1<<20-8192)),
		"md 1.2 at the beginning": newDisk(small).put(btrfsOffset, btrfsImage(ours, btrfsOffset, false)).put(4096, md1Image(4096)),
		"two file systems":        newDisk(small).put(0, xfsImage(ours, false)).put(btrfsOffset, btrfsImage(theirs, btrfsOffset, false)).put(small-8192, md),
	} {
		require.Equal(t, Ambiguous, d.examine(t).State, name)
	}
}

// As libblkid: a few uberblocks are no pool.
func TestR1_OneUberblockIsNoPool(t *testing.T) {
	for n, want := range map[int]State{1: NonEmptyUnknown, 3: NonEmptyUnknown, 4: Known} {
		require.Equal(t, want, newDisk(small).put(zfsArray, uberblocks(n)).examine(t).State, "%d uberblocks", n)
	}
}
