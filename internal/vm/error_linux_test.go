package vm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/csikit/csikit/fs"
)

// digest is that of all that is not a hole, with its places.
func digest(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	h := sha256.New()
	block := make([]byte, mib)
	for at := int64(0); ; at += mib {
		if next, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA); err == nil { // block devices have no holes
			at = next &^ (mib - 1)
		} else if errors.Is(err, unix.ENXIO) {
			break
		}
		n, err := f.ReadAt(block, at)
		if n > 0 && len(bytes.Trim(block[:n], "\x00")) > 0 {
			_, _ = fmt.Fprintln(h, at)
			_, _ = h.Write(block[:n])
		}
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// broken is a table whose sectors from first to last fail.
func (m *mapping) broken(first, last int64) (table string) {
	if first > 0 {
		table = fmt.Sprintf("0 %d linear %s 0\n", first, m.loop)
	}
	table += fmt.Sprintf("%d %d error\n", first, last-first+1)
	if last+1 < m.sectors {
		table += fmt.Sprintf("%d %d linear %s %d\n", last+1, m.sectors-last-1, m.loop, last+1)
	}
	return table
}

// R1: a device of which one place cannot be read is never taken for an empty
// one, wherever that place is among those that the proof looks at.
func TestR1_UnreadableIsNeverFormatted(t *testing.T) {
	const size = 320 * mib
	places := map[string]int64{
		"first sector": 0, "superblock": 2, "btrfs superblock": 128, "first copy of ext4": 128 * mib / sector,
		"last sector": size/sector - 1, "all": -1,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, "unreadable")
			m := newMapping(t, size)
			n.place("a", m.device())
			before := digest(t, m.image)
			first, last := place&^7, min(place|7, m.sectors-1)
			if place < 0 {
				first, last = 0, m.sectors-1
			}
			m.load(m.broken(first, last))
			d, err := fs.Open(m.path())
			require.NoError(t, err)
			c, err := d.Probe(t.Context())
			require.Error(t, err)
			require.Equal(t, fs.Unreadable, c.State)
			require.NoError(t, d.Close())
			for _, fstype := range []string{"ext4", "xfs"} {
				code := n.refused("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
				require.Equal(t, codes.Unavailable, code, "it may be readable again: the CO must retry")
			}
			require.Equal(t, before, digest(t, m.image), "R1: not a byte was written")
			m.heal()
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") })
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}

// Finding 1: input and output of a volume with data come back between two
// looks at it. The file system is found and nothing is formatted.
func TestR1_ErrorsOfAVolumeWithData(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "data")
			m := newMapping(t, 320*mib)
			n.place("a", m.device())
			stage := func(ctx context.Context) error { return n.stage(ctx, "a", fstype) }
			unstage := func(ctx context.Context) error { return n.unstage(ctx, "a") }
			n.must("stage", stage)
			n.save(n.staging("a"), "kept")
			n.must("unstage", unstage)
			before := digest(t, m.image)
			for _, last := range []int64{0, 8, 256, 4096, m.sectors - 1} {
				m.load(m.broken(0, last))
				require.Equal(t, codes.Unavailable, n.refused("stage", stage))
			}
			require.Equal(t, before, digest(t, m.image))
			m.heal()
			n.must("stage", stage)
			n.saved(n.staging("a"), "kept")
			require.Equal(t, 1, n.log.count("msg=formatting"))
			n.must("unstage", unstage)
		})
	}
}

// R3, R6: a disk dies below a mounted volume. Statistics answer, the volume can
// be unpublished and unstaged, since nothing is left that could be written, and
// the other volumes do not notice. What was synced is there when it is back.
func TestR6_ADiskThatFailsWhileMounted(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "dies")
			m, other := newMapping(t, 400*mib), newMapping(t, 400*mib)
			n.place("a", m.device())
			n.place("b", other.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.must("publish", func(ctx context.Context) error { return n.publish(ctx, "a", fstype) })
			n.save(n.target("a"), "synced")
			require.NoError(t, os.WriteFile(filepath.Join(n.target("a"), "dirty"), make([]byte, mib), 0o600))
			m.target("error", "")
			_ = n.answers("statistics", func(ctx context.Context) error {
				_, err := n.stats(ctx, "a", n.target("a"))
				return err
			})
			n.cycle("b", fstype)
			n.must("unpublish", func(ctx context.Context) error { return n.unpublish(ctx, "a") })
			n.must("unstage: the data is lost, but a disk that is dead must not keep its pod for ever",
				func(ctx context.Context) error { return n.unstage(ctx, "a") })
			require.NoError(t, exclusive(t, m))
			require.Positive(t, n.log.count("is lost"), "the loss is in the log")
			m.heal()
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.saved(n.staging("a"), "synced")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}
