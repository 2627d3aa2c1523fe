package fs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// refuse demands that a device is formatted by no type and stays as it is.
func refuse(t *testing.T, d *Device, image string, want error) {
	t.Helper()
	before := hash(t, image)
	for _, kind := range allTypes {
		err := d.Format(t.Context(), Format{Type: kind, UUID: ours.String()})
		require.Error(t, err)
		if want != nil {
			require.ErrorIs(t, err, want)
		}
	}
	require.Equal(t, before, hash(t, image), "the device was written to")
}

// R1: I/O errors, as a loop device has them behind the end of a truncated file,
// and then a device that comes back with its data.
func TestR1_IOErrorIsNotEmptiness(t *testing.T) {
	d, image := newDevice(t, 64<<20)
	command(t, "mkfs.ext4", "-q", d.name)
	require.NoError(t, d.sync())
	whole := hash(t, image)
	require.NoError(t, os.Rename(image, image+".kept"))
	data, err := os.ReadFile(image + ".kept")
	require.NoError(t, err)
	require.NoError(t, os.Truncate(image+".kept", 0))
	require.NoError(t, dropCache(d.file))

	c, err := d.Probe(t.Context())
	require.Error(t, err)
	require.Equal(t, Unreadable, c.State)
	refuse(t, d, image+".kept", nil)

	f, err := os.OpenFile(image+".kept", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write(data)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, whole, hash(t, image+".kept"))
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ext4", c.Type)
	refuse(t, d, image+".kept", ErrNotEmpty)
}

// The end alone is missing: a device that reads as zeros up to there.
func TestR1_ShortDeviceIsNotEmpty(t *testing.T) {
	d, image := newDevice(t, 64<<20)
	require.NoError(t, os.Truncate(image, 60<<20))
	c, err := d.Probe(t.Context())
	require.Error(t, err)
	require.Equal(t, Unreadable, c.State)
	refuse(t, d, image, nil)
}

func TestR1_UnattachedLoopIsUnreadable(t *testing.T) {
	looptest.NeedRoot(t)
	control, err := os.Open("/dev/loop-control")
	require.NoError(t, err)
	defer func() { _ = control.Close() }()
	for range 5 { // another test may take the free one
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		require.NoError(t, err)
		d, err := Open(fmt.Sprintf("/dev/loop%d", n))
		if err != nil {
			continue
		}
		if size, err := d.Size(); err != nil || size != 0 {
			require.NoError(t, d.Close())
			continue
		}
		c, err := d.Probe(t.Context())
		require.Error(t, err)
		require.Equal(t, Unreadable, c.State)
		require.NoError(t, d.Close())
		return
	}
	t.Skip("no loop device stayed free")
}

func TestR1_RandomDataIsNotEmpty(t *testing.T) {
	d, image := newDevice(t, 64<<20)
	write(t, d.name, 12345, []byte("data of a customer"))
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, NonEmptyUnknown, c.State)
	require.Contains(t, c.String(), "data at byte 12345")
	refuse(t, d, image, ErrNotEmpty)
}

// blkid and wipefs see nothing here; the copies are left (azuredisk#3711).
func TestR1_WipedMagicIsNotEmpty(t *testing.T) {
	d, image := newDevice(t, 200<<20)
	command(t, "mkfs.ext4", "-q", "-U", theirs.String(), "-b", "4096", d.name)
	write(t, d.name, extOffset+56, []byte{0, 0})
	require.Error(t, exec.Command("blkid", "-p", d.name).Run(), "blkid exits with 2")
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, NonEmptyUnknown, c.State)
	require.Contains(t, c.String(), theirs.String())
	refuse(t, d, image, ErrNotEmpty)

	write(t, d.name, 0, make([]byte, 100<<20)) // and with the first 100 MiB gone
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, NonEmptyUnknown, c.State)
	require.Contains(t, c.String(), "copy of the superblock of ext4 "+theirs.String())
	refuse(t, d, image, ErrNotEmpty)
}

func TestR1_EverySignatureIsRefused(t *testing.T) {
	d, image := newDevice(t, small)
	for _, s := range signatures {
		write(t, d.name, s.at, s.data)
		c, err := d.Probe(t.Context())
		require.NoError(t, err)
		require.Equal(t, []any{Known, s.kind}, []any{c.State, c.Type}, s.name)
		before := hash(t, image)
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}), ErrNotEmpty, s.name)
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}), ErrNotEmpty, s.name)
		require.Equal(t, before, hash(t, image), s.name)
		write(t, d.name, s.at, make([]byte, len(s.data)))
	}
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, Empty, c.State)
}

// tools make real file systems and containers.
var tools = []struct {
	kind string
	size int64
	args []string
}{
	{"ext2", 32 << 20, []string{"mkfs.ext2", "-q"}},
	{"ext3", 32 << 20, []string{"mkfs.ext3", "-q"}},
	{"ext4", 32 << 20, []string{"mkfs.ext4", "-q"}},
	{"ext4", 32 << 20, []string{"mkfs.ext4", "-q", "-O", "^has_journal"}},
	{"ext4", 32 << 20, []string{"mkfs.ext4", "-q", "-b", "1024", "-O", "bigalloc"}},
	{"jbd", 32 << 20, []string{"mke2fs", "-q", "-O", "journal_dev"}},
	{"xfs", 300 << 20, []string{"mkfs.xfs", "-q"}},
	{"xfs", 300 << 20, []string{"mkfs.xfs", "-q", "-m", "crc=0,finobt=0,reflink=0,bigtime=0"}},
	{"xfs", 300 << 20, []string{"mkfs.xfs", "-q", "-s", "size=4096"}},
	{"btrfs", 120 << 20, []string{"mkfs.btrfs", "-q"}},
	{"btrfs", 120 << 20, []string{"mkfs.btrfs", "-q", "--csum", "xxhash"}},
	{"btrfs", 120 << 20, []string{"mkfs.btrfs", "-q", "-M"}},
	{"swap", 32 << 20, []string{"mkswap", "-q"}},
	{"swap", 32 << 20, []string{"mkswap", "-q", "-p", "65536"}},
	{"crypto_LUKS", 32 << 20, []string{"cryptsetup", "-q", "luksFormat", "--type", "luks1", "--pbkdf-force-iterations", "1000", "--key-file", "/dev/zero", "--keyfile-size", "32"}},
	{"crypto_LUKS", 32 << 20, []string{"cryptsetup", "-q", "luksFormat", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", "/dev/zero", "--keyfile-size", "32"}},
	{"vfat", 32 << 20, []string{"mkfs.vfat"}},
	{"ntfs", 32 << 20, []string{"mkfs.ntfs", "-F", "-Q"}},
	{"LVM2_member", 32 << 20, []string{"pvcreate", "-q"}},
}

// Our own reading and blkid's agree about what real tools make.
func TestDifferential_BlkidAgrees(t *testing.T) {
	looptest.NeedRoot(t)
	for _, tool := range tools {
		t.Run(tool.kind+"/"+filepath.Base(tool.args[0]), func(t *testing.T) {
			if _, err := exec.LookPath(tool.args[0]); err != nil {
				t.Skip(err)
			}
			image := looptest.Image(t, tool.size)
			command(t, tool.args[0], append(tool.args[1:], image)...)
			f, err := os.Open(image)
			require.NoError(t, err)
			defer func() { _ = f.Close() }()
			ourView, err := examine(t.Context(), f, tool.size)
			require.NoError(t, err)
			out, err := exec.Command("blkid", blkidArgs(image)...).Output()
			require.NoError(t, err)
			w, err := parseBlkid(0, out, nil)
			require.NoError(t, err)
			require.Equal(t, []any{Known, tool.kind}, []any{ourView.State, ourView.Type}, ourView)
			require.Equal(t, tool.kind, w.finds())
			id, _ := exec.Command("blkid", "-p", "-s", "UUID", "-o", "value", image).Output()
			if ourView.UUID != "" {
				require.Equal(t, ourView.UUID+"\n", string(id))
			}
		})
	}
}

// And about the same tables made by hand, as far as blkid takes them: it may
// find less in a stub of a superblock, but never something else.
func TestDifferential_BlkidFindsNothingElse(t *testing.T) {
	looptest.NeedRoot(t)
	for _, s := range signatures {
		image := looptest.Image(t, small)
		write(t, image, s.at, s.data)
		out, _ := exec.Command("blkid", blkidArgs(image)...).Output()
		if w, err := parseBlkid(0, out, nil); err == nil && w.fsType != "" {
			require.True(t, strings.HasPrefix(w.fsType, s.kind), "%s: blkid finds %s", s.name, w.fsType)
		}
	}
}

func BenchmarkProbe(b *testing.B) {
	d, _ := newDevice(b, 300<<20)
	if err := d.Format(b.Context(), Format{Type: "xfs", UUID: ours.String(), ReadsZero: true}); err != nil {
		b.Fatal(err)
	}
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Probe(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("blkid", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("blkid", blkidArgs(d.name)...).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ratio", func(b *testing.B) {
		var own, other time.Duration
		for b.Loop() {
			start := time.Now()
			_, errOwn := d.Probe(b.Context())
			own += time.Since(start)
			start = time.Now()
			errOther := exec.Command("blkid", blkidArgs(d.name)...).Run()
			other += time.Since(start)
			if err := errors.Join(errOwn, errOther); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(other)/float64(own), "blkid/own")
	})
}

func BenchmarkProbeEmpty(b *testing.B) {
	for _, size := range []int64{1 << 30, 10 << 30, 1 << 40} {
		b.Run(fmt.Sprintf("%dGiB", size>>30), func(b *testing.B) {
			d, _ := newDevice(b, size)
			b.Run("own", func(b *testing.B) {
				for b.Loop() {
					if _, _, err := d.examine(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("with blkid", func(b *testing.B) {
				for b.Loop() {
					if _, err := d.Probe(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
