package fs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// least is the size of a device that mkfs takes.
var least = map[string]int64{"ext2": 16 << 20, "ext3": 32 << 20, "ext4": 32 << 20, "xfs": 300 << 20, "btrfs": 120 << 20}

// proveMountable demands that a device holds our file system and that files
// live in it.
func proveMountable(t *testing.T, d *Device, f Format) {
	t.Helper()
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Known, f.Type, f.UUID, true, false}, []any{c.State, c.Type, c.UUID, c.Clean, c.InProgress}, c)
	dir := filepath.Join(looptest.Dir(t), "mnt")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, unix.Mount(d.name, dir, f.Type, 0, ""))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600))
	require.NoError(t, unix.Unmount(dir, 0))
	require.NoError(t, d.Exclusive())
}

func TestFormat(t *testing.T) {
	for _, kind := range allTypes {
		for _, readsZero := range []bool{false, true} {
			t.Run(kind, func(t *testing.T) {
				d, image := newDevice(t, least[kind])
				f := unique(kind)
				f.ReadsZero = readsZero
				require.NoError(t, d.Format(t.Context(), f))
				require.True(t, allZero(firstSector(t, image)) || kind == "xfs", "no intent is left")
				size, err := d.Size()
				require.NoError(t, err)
				c, err := d.Probe(t.Context())
				require.NoError(t, err)
				require.InDelta(t, size, c.Size, 1<<20)
				proveMountable(t, d, f)
				refuse(t, d, image, ErrNotEmpty)
			})
		}
	}
}

func firstSector(t *testing.T, image string) []byte {
	t.Helper()
	f, err := os.Open(image)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	b := make([]byte, intentLength)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	return b
}

func TestFormat_OptionsReachTheFileSystem(t *testing.T) {
	d, _ := newDevice(t, 64<<20)
	require.NoError(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String(), Options: map[string]string{
		"blockSize": "1024", "inodeSize": "512", "numberOfInodes": "4096", "ext4BigAlloc": "true", "ext4ClusterSize": "8k",
		"ext4EncryptionSupport": "true", "reservedBlocksPercentage": "3", "label": "data"}}))
	s, err := d.extSuper()
	require.NoError(t, err)
	require.Equal(t, []int64{1024, 8192, 512}, []int64{s.blockSize, s.clusterSize, s.inodeSize})
	require.NotZero(t, s.incompat&0x10000, "encrypt")

	x, _ := newDevice(t, least["xfs"])
	require.NoError(t, x.Format(t.Context(), Format{Type: "xfs", UUID: ours.String(), Options: map[string]string{
		"blockSize": "2048", "inodeSize": "1024", "reflink": "false", "label": "data"}}))
	b, _ := newDevice(t, least["btrfs"])
	require.NoError(t, b.Format(t.Context(), Format{Type: "btrfs", UUID: unique("btrfs").UUID, Options: map[string]string{
		"nodeSize": "32k", "metadataProfile": "single", "dataProfile": "single", "label": "data"}}))
	for _, d := range []*Device{x, b} {
		c, err := d.Probe(t.Context())
		require.NoError(t, err)
		require.Equal(t, Known, c.State)
	}
}

func TestFormat_BadOptionTouchesNothing(t *testing.T) {
	d, image := newDevice(t, 16<<20)
	before := hash(t, image)
	err := d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String(), Options: options1("mkfsOptions", "-F")})
	require.ErrorIs(t, err, ErrOption)
	require.Equal(t, before, hash(t, image))
}

// R10: the masks are what Linux 5.15 knows (fs/ext4/ext4.h, fs/xfs/libxfs/
// xfs_format.h, fs/btrfs/ctree.h of v5.15).
func TestR10_FeaturesOfLinux515(t *testing.T) {
	d, _ := newDevice(t, least["ext4"])
	require.NoError(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}))
	s, err := d.extSuper()
	require.NoError(t, err)
	require.Zero(t, s.compat&^uint32(0x4|0x8|0x10|0x20), "compat %#x", s.compat)           // journal, ext_attr, resize_inode, dir_index
	require.Zero(t, s.incompat&^uint32(0x2|0x40|0x80|0x200), "incompat %#x", s.incompat)   // filetype, extents, 64bit, flex_bg
	require.Zero(t, s.roCompat&^uint32(0x1|0x2|0x8|0x20|0x40|0x400), "ro %#x", s.roCompat) // sparse, large, huge, nlink, isize, csum

	x, image := newDevice(t, least["xfs"])
	require.NoError(t, x.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}))
	xs, err := parseXFS(firstSector(t, image))
	require.NoError(t, err)
	require.Zero(t, xs.incompat&^uint32(0x1|0x2|0x8), "incompat %#x", xs.incompat)  // ftype, sparse inodes, bigtime
	require.Zero(t, xs.roCompat&^uint32(0x1|0x4|0x8), "ro_compat %#x", xs.roCompat) // finobt, reflink, inobtcount

	b, image := newDevice(t, least["btrfs"])
	require.NoError(t, b.Format(t.Context(), unique("btrfs")))
	super := make([]byte, btrfsLength)
	f, err := os.Open(image)
	require.NoError(t, err)
	_, err = f.ReadAt(super, btrfsOffset)
	require.NoError(t, errors.Join(err, f.Close()))
	bs, err := parseBtrfs(super, btrfsOffset)
	require.NoError(t, err)
	require.Zero(t, bs.incompat&^uint64(0x1|0x20|0x40|0x100|0x200), "incompat %#x", bs.incompat) // backref, big metadata, extref, skinny, no-holes
	require.Zero(t, bs.roCompat&^uint64(0x1|0x2), "ro_compat %#x", bs.roCompat)                  // free space tree
}

// A half-made file system of somebody else, or of another type, stays.
func TestR9_OnlyTheSameIsRepeated(t *testing.T) {
	d, image := newDevice(t, 32<<20)
	for _, c := range []struct {
		at   int64
		data []byte
		kind string
	}{
		{0, xfsImage(theirs, true), "xfs"}, {0, xfsImage(ours, true), "ext4"},
		{0, intentFor("ext4", theirs), "ext4"}, {0, intentFor("ext4", ours), "ext3"}, {0, intentFor("ext4", ours), "xfs"},
		{btrfsOffset, btrfsImage(theirs, btrfsOffset, true), "btrfs"},
	} {
		write(t, d.name, c.at, c.data)
		before := hash(t, image)
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: c.kind, UUID: ours.String()}), ErrNotEmpty)
		require.Equal(t, before, hash(t, image))
		write(t, d.name, c.at, make([]byte, len(c.data)))
	}
}

// The intent was not removed, and somebody has mounted the file system by hand
// and put data there. Format must not make it again.
func TestR9_CompleteFileSystemKeepsItsData(t *testing.T) {
	d, image := newDevice(t, least["ext4"])
	f := Format{Type: "ext4", UUID: ours.String()}
	require.NoError(t, d.Format(t.Context(), f))
	dir := mountAt(t, d, "ext4", 0)
	require.NoError(t, os.WriteFile(dir+"/data", []byte("precious"), 0o600))
	require.NoError(t, unix.Unmount(dir, 0))
	write(t, d.name, 0, intentFor("ext4", ours))
	require.NoError(t, d.Format(t.Context(), f))
	require.True(t, allZero(firstSector(t, image)))
	dir = mountAt(t, d, "ext4", 0)
	data, err := os.ReadFile(dir + "/data")
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
}

// Two formats at once: one makes the file system, the other finds it.
func TestR2_ConcurrentFormat(t *testing.T) {
	first, _ := newDevice(t, least["ext4"])
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			d, err := Open(first.name)
			if err == nil {
				err = errors.Join(d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}), d.Close())
			}
			errs <- err
		}()
	}
	made := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			made++
		} else {
			require.ErrorIs(t, err, ErrNotEmpty)
		}
	}
	require.Equal(t, 1, made)
	proveMountable(t, first, Format{Type: "ext4", UUID: ours.String()})
}

// The second witness: without one that can be relied on nothing is formatted.
func TestR1_WitnessDecidesToo(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		state  State
	}{
		"objects":  {"echo TYPE=nilfs2", Ambiguous},
		"several":  {"exit 8", Ambiguous},
		"busybox":  {"exit 0", Unreadable},
		"fails":    {"echo 'cannot open' >&2; exit 2", Unreadable},
		"crashes":  {"kill -SEGV $$", Unreadable},
		"rambling": {"echo hello; exit 1", Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			d, image := newDevice(t, 16<<20)
			fake(t, "blkid", c.script)
			got, err := d.Probe(t.Context())
			require.Equal(t, c.state, got.State)
			require.Equal(t, c.state == Unreadable, err != nil, err)
			require.NotEmpty(t, got.Evidence)
			if err != nil {
				require.Equal(t, Content{Evidence: []string{err.Error()}}, got)
			}
			refuse(t, d, image, nil)
		})
	}
}

func TestFormat_FailedMkfsIsReported(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	err := d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String(), Options: options1("numberOfInodes", "4000000000")})
	require.ErrorContains(t, err, "mkfs.ext4")
	require.ErrorContains(t, err, "exit status 1")
	fake(t, "mkfs.ext4", "exit 0")
	err = d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()})
	require.Error(t, err, "mkfs lied")
	require.ErrorContains(t, err, "half-made ext4")
}
