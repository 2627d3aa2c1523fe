package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A disk is a device in memory: zeros but for what was put there.
type disk struct {
	size  int64
	data  map[int64][]byte
	mu    sync.Mutex
	reads int
	// fault, if not nil, is asked before each read.
	fault func(read int) (n int, err error)
}

var errNoFault = errors.New("no fault")

func newDisk(size int64) *disk { return &disk{size: size, data: map[int64][]byte{}} }

func (d *disk) put(at int64, b []byte) *disk { d.data[at] = b; return d }

func (d *disk) ReadAt(p []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	if d.fault != nil {
		if n, err := d.fault(d.reads); !errors.Is(err, errNoFault) {
			return n, err
		}
	}
	if at < 0 || at+int64(len(p)) > d.size {
		return 0, io.EOF
	}
	clear(p)
	for start, b := range d.data {
		for i, c := range b {
			if j := start + int64(i) - at; j >= 0 && j < int64(len(p)) {
				p[j] = c
			}
		}
	}
	return len(p), nil
}

func (d *disk) examine(t testing.TB) Content {
	t.Helper()
	c, err := examine(t.Context(), d, d.size)
	require.NoError(t, err)
	return c
}

var sizes = []int64{512, 4096, 1 << 20, 4<<20 + 512, 64 << 20, 300 << 20, 10 << 30, 1<<40 + 512, 64 << 40}

func TestR1_ZerosAreEmpty(t *testing.T) {
	for _, size := range sizes {
		require.Equal(t, Empty, newDisk(size).examine(t).State, "size %d", size)
	}
}

// One byte anywhere where a copy of a superblock may be, or at either end, is
// enough.
func TestR1_OneByteIsNotEmpty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom(sizes).Draw(rt, "size")
		s := rapid.SampledFrom(spans(size)).Draw(rt, "span")
		at := s.offset + rapid.Int64Range(0, s.length-1).Draw(rt, "byte")
		c, err := examine(context.Background(), newDisk(size).put(at, []byte{1}), size)
		if err != nil || c.State != NonEmptyUnknown || len(c.Evidence) == 0 {
			rt.Fatalf("byte %d of %d: %v, %v", at, size, c, err)
		}
	})
}

// The places themselves: the first copies of every file system, by hand.
func TestR1_PlacesOfCopies(t *testing.T) {
	for name, at := range map[string]int64{
		"ext4 4k group 1":  32768 * 4096,
		"ext4 4k group 3":  3 * 32768 * 4096,
		"ext4 4k group 49": 49 * 32768 * 4096,
		"ext4 1k group 1":  8193 * 1024,
		"ext4 1k group 25": (25*8192 + 1) * 1024,
		"ext4 2k group 7":  7 * 16384 * 2048,
		"xfs 4 groups":     (10 << 30) / 4,
		"xfs 4 groups, 2":  (10 << 30) / 2,
		"xfs 16 groups":    (10 << 30) / 16,
		"btrfs second":     64 << 20,
		"first 4 MiB":      4<<20 - 1,
		"last 4 MiB":       10<<30 - 4<<20,
		"last byte":        10<<30 - 1,
	} {
		c := newDisk(10<<30).put(at, []byte{0xff}).examine(t)
		require.Equal(t, NonEmptyUnknown, c.State, name)
	}
	require.Equal(t, NonEmptyUnknown, newDisk(300<<30).put(256<<30, []byte{1}).examine(t).State, "btrfs third")
}

func TestR1_EveryReadMustBeComplete(t *testing.T) {
	clean := newDisk(64 << 20)
	clean.examine(t)
	eio := errors.New("input/output error")
	for read := 1; read <= clean.reads; read++ {
		for _, fault := range []struct {
			n    int
			err  error
			want error
		}{{0, eio, eio}, {512, nil, io.ErrUnexpectedEOF}, {0, io.EOF, io.ErrUnexpectedEOF}, {100, io.EOF, io.ErrUnexpectedEOF}} {
			d := newDisk(64 << 20)
			d.fault = func(n int) (int, error) {
				if n == read {
					return fault.n, fault.err
				}
				return 0, errNoFault
			}
			c, err := examine(t.Context(), d, d.size)
			require.ErrorIs(t, err, fault.want, "read %d", read)
			require.Equal(t, Content{}, c, "read %d", read)
		}
	}
}

func TestR1_CancelledIsUnreadable(t *testing.T) {
	clean := newDisk(64 << 20)
	clean.examine(t)
	because := errors.New("the volume is being unstaged")
	for stop := 1; stop < clean.reads; stop++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		d := newDisk(64 << 20)
		d.fault = func(n int) (int, error) {
			if n == stop {
				cancel(because)
			}
			return 0, errNoFault
		}
		c, err := examine(ctx, d, d.size)
		require.ErrorIs(t, err, because)
		require.Equal(t, Unreadable, c.State)
		require.LessOrEqual(t, d.reads, stop+1, "both ends are read at once")
		cancel(nil)
	}
}

func TestR1_NoSizeIsUnreadable(t *testing.T) {
	for _, size := range []int64{0, -1} {
		c, err := examine(t.Context(), newDisk(size), size)
		require.Error(t, err)
		require.Equal(t, Unreadable, c.State)
	}
}

// A superblock with a wrong checksum may be one that is being written.
func TestTornSuperblockIsReadAgain(t *testing.T) {
	d := newDisk(64<<20).put(extOffset, extImage(extOf{kind: "ext4"}))
	good := d.data[extOffset]
	bad := append([]byte{}, good...)
	bad[8] ^= 1
	d.data[extOffset] = bad
	d.fault = func(read int) (int, error) {
		if read > 2 {
			d.data[extOffset] = good
		}
		return 0, errNoFault
	}
	require.Equal(t, "ext4", d.examine(t).Type)

	c := newDisk(64<<20).put(extOffset, bad).examine(t)
	require.Equal(t, NonEmptyUnknown, c.State)
	require.Contains(t, fmt.Sprint(c), "wrong checksum")
}
