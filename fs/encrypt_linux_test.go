package fs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// newEncrypted makes a device and says how it is to be encrypted. What a test
// leaves open is closed before the device goes.
func newEncrypted(t *testing.T, size int64) (d *Device, image string, l LUKS) {
	t.Helper()
	looptest.NeedMapper(t)
	cheapKeys(t)
	d, image = newDevice(t, size)
	l = LUKS{UUID: uuid.NewString()}
	t.Cleanup(func() { require.NoError(t, CloseLUKS(context.Background(), l)) })
	return d, image, l
}

func openLUKS(t *testing.T, d *Device, l LUKS) *Device {
	t.Helper()
	top, err := d.OpenLUKS(t.Context(), l, secret)
	require.NoError(t, err)
	t.Cleanup(func() { _ = top.Close() })
	return top
}

// The whole life: encrypt, open, find, format, close, open again, read.
func TestLUKS_Life(t *testing.T) {
	for _, sector := range []int{0, 4096} {
		d, image, l := newEncrypted(t, 128<<20)
		l.SectorSize = sector
		require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
		c, err := d.Probe(t.Context())
		require.NoError(t, err)
		require.Equal(t, []any{Known, TypeLUKS, 2, l.UUID, false}, []any{c.State, c.Type, c.Version, c.UUID, c.InProgress}, c)
		require.ErrorIs(t, d.FormatLUKS(t.Context(), l, secret), ErrNotEmpty, "a header is never made twice")

		top := openLUKS(t, d, l)
		c, err = top.Probe(t.Context())
		require.NoError(t, err)
		require.Equal(t, Empty, c.State, "the content reads as empty: %v", c)
		f := Format{Type: "ext4", UUID: ours.String()}
		require.NoError(t, top.Format(t.Context(), f))
		proveMountable(t, top, f)

		again, err := d.FindLUKS(l)
		require.NoError(t, err)
		require.Equal(t, top.Number(), again.Number())
		require.NoError(t, errors.Join(again.Close(), top.Close()))
		require.ErrorIs(t, d.Exclusive(), ErrBusy)
		below, err := BelowLUKS(l)
		require.NoError(t, err)
		require.Equal(t, d.Number(), below)
		require.NoError(t, CloseLUKS(t.Context(), l))
		require.NoError(t, CloseLUKS(t.Context(), l), "again is nothing")
		require.NoError(t, d.Exclusive())
		_, err = d.FindLUKS(l)
		require.ErrorIs(t, err, os.ErrNotExist)

		reader := l
		reader.ReadOnly = true
		top = openLUKS(t, d, reader)
		c, err = top.Probe(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"ext4", f.UUID}, []string{c.Type, c.UUID})
		require.ErrorIs(t, top.writable(), unix.EROFS)
		require.NoError(t, top.Close())
		require.NoError(t, CloseLUKS(t.Context(), l))
		require.NotContains(t, readAll(t, image), f.UUID)
	}
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestLUKS_AWrongPassphraseChangesNothing(t *testing.T) {
	d, image, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	before := hash(t, image)
	for _, wrong := range []Passphrase{"wrong", "", secret + "\n"} {
		_, err := d.OpenLUKS(t.Context(), l, wrong)
		require.ErrorIs(t, err, ErrPassphrase)
		require.NoError(t, d.Exclusive(), "nothing is left open")
	}
	require.Equal(t, before, hash(t, image))
}

// The mapping follows the device without the passphrase.
func TestR13_LUKSGrows(t *testing.T) {
	d, image, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	top := openLUKS(t, d, l)
	before, err := top.Size()
	require.NoError(t, err)
	require.Equal(t, int64(64<<20-luksOffset), before)
	require.NoError(t, d.GrowLUKS(t.Context(), l), "there is nothing to do")
	require.NoError(t, os.Truncate(image, 96<<20))
	require.NoError(t, exec.Command("losetup", "-c", d.name).Run())
	require.NoError(t, d.GrowLUKS(t.Context(), l))
	after, err := top.Size()
	require.NoError(t, err)
	require.Equal(t, int64(96<<20-luksOffset), after)
	require.NoError(t, top.Close())
}

// A mapping is found by what it is over: renamed it is still the volume's, and
// one of its name over another device is not.
func TestR2_MappingIsFoundByItsDevice(t *testing.T) {
	d, _, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	top := openLUKS(t, d, l)
	number := top.Number()
	require.NoError(t, top.Close())
	dmsetup(t, "rename", l.name(), "renamed-"+l.UUID)
	found, err := d.FindLUKS(l)
	require.NoError(t, err)
	require.Equal(t, number, found.Number())
	require.NoError(t, found.Close())
	top = openLUKS(t, d, l) // what a killed plugin left is replaced
	require.NoError(t, top.Close())
	require.NoError(t, CloseLUKS(t.Context(), l))

	other, _ := newDevice(t, 64<<20)
	dmsetup(t, "create", l.name(), "--table", fmt.Sprintf("0 1024 linear %s 0", other.name))
	t.Cleanup(func() { dmsetup(t, "remove", l.name()) })
	_, err = d.OpenLUKS(t.Context(), l, secret)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "not over "+d.name)
	require.ErrorContains(t, err, numberText(other.Number()))
	_, err = d.FindLUKS(l)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, CloseLUKS(t.Context(), l))
	dmsetup(t, "info", l.name()) // it is not ours to close
}

// R9: cryptsetup is killed when its mapping has no table yet. Since Linux 5.15
// sysfs does not show such a mapping, but it has the name.
func TestR9_AMappingWithoutATableIsTakenAway(t *testing.T) {
	d, _, l := newEncrypted(t, 64<<20)
	unmade := func(name string) {
		dmsetup(t, "create", name, "--notable", "--uuid", "CRYPT-LUKS2-"+strings.Repeat("0", 32)+"-"+name)
	}
	unmade(l.forming())
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	unmade(l.name())
	top := openLUKS(t, d, l)
	require.NoError(t, top.Close())
	require.NoError(t, l.removeUnmade(), "it has a table")
	top, err := d.FindLUKS(l)
	require.NoError(t, err)
	require.NoError(t, errors.Join(top.Close(), CloseLUKS(t.Context(), l)))

	unmade(l.name())
	unmade(l.forming())
	require.NoError(t, CloseLUKS(t.Context(), l))
	for _, name := range []string{l.name(), l.forming()} {
		require.Error(t, exec.Command("dmsetup", "info", name).Run())
		require.NoFileExists(t, "/dev/mapper/"+name)
	}

	dmsetup(t, "create", l.name(), "--notable", "--uuid", "somebody-elses")
	defer dmsetup(t, "remove", l.name())
	require.NoError(t, CloseLUKS(t.Context(), l))
	dmsetup(t, "info", l.name())
}

func dmsetup(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("dmsetup", args...)
	cmd.Env = append(os.Environ(), "DM_DISABLE_UDEV=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Another volume's mapping over this device, as of a device that two volumes
// were given, is refused and stays.
func TestR2_AForeignMappingIsRefused(t *testing.T) {
	d, _, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	theirs := LUKS{UUID: uuid.NewString()}
	top := openLUKS(t, d, theirs)
	t.Cleanup(func() { require.NoError(t, CloseLUKS(context.Background(), theirs)) })
	require.NoError(t, top.Close())
	_, err := d.OpenLUKS(t.Context(), l, secret)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorIs(t, d.FormatLUKS(t.Context(), l, secret), ErrNotEmpty)
	found, err := d.FindLUKS(theirs)
	require.NoError(t, err)
	require.NoError(t, found.Close())
}

// R6: a mapping in use is not closed, and what holds it is named.
func TestR6_AMappingInUseStays(t *testing.T) {
	d, _, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	top := openLUKS(t, d, l)
	require.NoError(t, top.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}))
	at := t.TempDir()
	require.NoError(t, unix.Mount(top.name, at, "ext4", 0, ""))
	err := CloseLUKS(t.Context(), l)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, at)
	_, err = d.OpenLUKS(t.Context(), l, secret)
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, unix.Unmount(at, 0))
	require.NoError(t, top.Close())
}

// A discard reaches the device only where that is asked for.
func TestLUKS_DiscardIsAnOption(t *testing.T) {
	for _, discard := range []bool{false, true} {
		d, _, l := newEncrypted(t, 64<<20)
		l.Discard = discard
		require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
		top := openLUKS(t, d, l)
		limit, err := top.Sysfs("queue/discard_max_bytes")
		require.NoError(t, err)
		require.Equal(t, discard, limit != "0", limit)
		require.NoError(t, top.Close())
	}
}

// R9: a format is cut off at any moment, by its context. The next one makes an
// encrypted volume whose content is empty.
func TestR9_FormatLUKSCancelledAtAnyTime(t *testing.T) {
	first, _, l := newEncrypted(t, 64<<20)
	start := time.Now()
	require.NoError(t, first.FormatLUKS(t.Context(), l, secret))
	const moments = 4
	step := time.Since(start) / moments
	left := map[string]int{}
	for n := range moments {
		d, _, l := newEncrypted(t, 64<<20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*step)
		_ = d.FormatLUKS(ctx, l, secret)
		cancel()
		left[repeatLUKS(t, d, l)]++
	}
	t.Log(left)
}

// repeatLUKS finishes what a killed format left, and says what that was.
func repeatLUKS(t *testing.T, d *Device, l LUKS) string {
	t.Helper()
	what := outcome(t, d, Format{Type: TypeLUKS, UUID: l.UUID})
	if what != "whole" {
		require.NoError(t, d.FormatLUKS(t.Context(), l, secret), "after a kill that left it %s", what)
	}
	top := openLUKS(t, d, l)
	c, err := top.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, Empty, c.State, "%v", c)
	require.NoError(t, errors.Join(top.Close(), CloseLUKS(t.Context(), l)))
	require.NoError(t, d.Exclusive())
	return what
}

// R1: content that was overwritten is not empty any more, wherever it is.
func TestR1_LostContentIsNotEmpty(t *testing.T) {
	d, _, l := newEncrypted(t, 64<<20)
	require.NoError(t, d.FormatLUKS(t.Context(), l, secret))
	junk := make([]byte, 4096)
	_, err := io.ReadFull(rand.Reader, junk)
	require.NoError(t, err)
	write(t, d.name, luksOffset, junk) // ciphertext: the first block of the content reads as random data
	top := openLUKS(t, d, l)
	c, err := top.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, NonEmptyUnknown, c.State)
	require.ErrorIs(t, top.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}), ErrNotEmpty)
	require.NoError(t, top.Close())
}
