package fs

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A disk with sectors of 4 KiB, whose O_DIRECT reads must be aligned to them.
func TestSectorsOf4KiB(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		d, _ := newDevice(t, least[kind])
		require.NoError(t, unix.IoctlSetInt(int(d.File().Fd()), unix.LOOP_SET_BLOCK_SIZE, 4096))
		f := unique(kind)
		require.NoError(t, d.Format(t.Context(), f))
		proveMountable(t, d, f)
	}
}

// Both ways of reading give the same, from any place and of any length.
func TestDirectReader(t *testing.T) {
	d, image := newDevice(t, 4<<20)
	content := bytes.Repeat([]byte("0123456789abcdef-"), 4<<20/17+1)[:4<<20]
	write(t, d.name, 0, content)
	cached, err := d.reopen(os.O_RDONLY)
	require.NoError(t, err)
	buffered := &directReader{file: cached, size: 4 << 20}
	require.NoError(t, buffered.prepare())
	direct, err := d.openDirect()
	require.NoError(t, err)
	require.True(t, direct.direct)
	for _, r := range []*directReader{direct, buffered} {
		for _, s := range []span{{0, 512}, {1, 1}, {511, 2}, {1023, 5000}, {4096, 3 << 20}, {4<<20 - 1, 1}, {0, 4 << 20}} {
			p := make([]byte, s.length)
			n, err := r.ReadAt(p, s.offset)
			require.NoError(t, err, "%v", s)
			require.Equal(t, int(s.length), n)
			require.True(t, bytes.Equal(content[s.offset:s.end()], p), "%v", s)
		}
		n, err := r.ReadAt(make([]byte, 1000), 4<<20-100)
		require.Error(t, err)
		require.Equal(t, 100, n)
	}
	require.NoError(t, os.Truncate(image, 1<<20))
	n, err := direct.ReadAt(make([]byte, 2<<20), 0)
	require.Error(t, err)
	require.Less(t, n, 2<<20)
	require.NoError(t, direct.Close())
	require.NoError(t, buffered.Close())
}

// blkpgPartition and blkpg are struct blkpg_partition and blkpg_ioctl_arg.
type blkpgPartition struct {
	start, length int64
	number        int32
	_             [128]byte
}

type blkpg struct {
	op, flags, length int32
	data              *blkpgPartition
}

// A partition: its sysfs attributes come from the disk, and a file system on
// the disk keeps it busy.
func TestPartition(t *testing.T) {
	d, _ := newDevice(t, 64<<20)
	const blkpgAdd, blkpgDelete = 1, 2
	part := &blkpgPartition{start: 1 << 20, length: 32 << 20, number: 1}
	change := func(op int32) error {
		return ioctl(d.File(), 0x1269, unsafe.Pointer(&blkpg{op: op, length: int32(unsafe.Sizeof(*part)), data: part}))
	}
	if err := change(blkpgAdd); err != nil {
		t.Skipf("the kernel adds no partition to a loop device: %v", err)
	}
	defer func() { require.NoError(t, change(blkpgDelete)) }()
	path := fmt.Sprintf("%sp1", d.name)
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, 5*time.Second, 10*time.Millisecond)
	p, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	size, err := p.Size()
	require.NoError(t, err)
	require.Equal(t, int64(32<<20), size)
	number, err := p.Sysfs("partition")
	require.NoError(t, err)
	require.Equal(t, "1", number)
	own, err := d.Sysfs("loop/backing_file")
	require.NoError(t, err)
	inherited, err := p.Sysfs("loop/backing_file")
	require.NoError(t, err)
	require.Equal(t, own, inherited)
	f := unique("ext4")
	require.NoError(t, p.Format(t.Context(), f))
	proveMountable(t, p, f)
	held, err := os.OpenFile(d.name, os.O_RDONLY|unix.O_EXCL, 0)
	require.NoError(t, err)
	require.ErrorIs(t, p.Exclusive(), ErrBusy)
	require.NoError(t, held.Close())
}
