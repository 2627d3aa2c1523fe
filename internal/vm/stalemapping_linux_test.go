package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// behindItsBack is what can happen to the open encryption of a raw volume that
// is published: the bind of a device node holds nothing.
var behindItsBack = map[string]func(t *testing.T, a, b rawEncrypted, lower *mapping){
	"closed": func(t *testing.T, _, _ rawEncrypted, _ *mapping) {
		_, name := theMapping(t)
		cryptsetup(t, "close", name)
	},
	"closed, and opened as it was": func(t *testing.T, _, _ rawEncrypted, lower *mapping) {
		kernel, name := theMapping(t)
		cryptsetup(t, "close", name)
		open(t, lower, name)
		again, _ := theMapping(t)
		require.Equal(t, kernel, again, "with the same number")
	},
	"closed, and its number given to another volume": func(t *testing.T, _, b rawEncrypted, _ *mapping) {
		giveNumberTo(t, b)
	},
	"closed, its number given to another volume, and opened": func(t *testing.T, _, b rawEncrypted, lower *mapping) {
		open(t, lower, giveNumberTo(t, b))
	},
}

// giveNumberTo closes the open encryption, whose name it returns, and opens that of
// volume b by the same number.
func giveNumberTo(t *testing.T, b rawEncrypted) (name string) {
	t.Helper()
	kernel, name := theMapping(t)
	cryptsetup(t, "close", name)
	b.must("stage b", b.stage)
	again, _ := theMapping(t)
	require.Equal(t, kernel, again, "or this test proves nothing")
	b.must("publish b", b.publish("other", false))
	require.NoError(t, b.writes("other", "of b"))
	return name
}

// R17: what is bound at the staging path and at the target is not the content of
// the volume's encryption any more, or nothing. No publish answers that it is,
// old target or new; what a pod has is not touched; and when the pod has gone the
// volume can be used again, with or without an unstage in between.
func TestR17_AnEncryptedRawDeviceIsClosedBehindItsBack(t *testing.T) {
	for name, fault := range behindItsBack {
		for _, end := range []string{"stage", "unstage", "unstage, all forgotten"} {
			t.Run(name+", then "+end, func(t *testing.T) {
				a, b, lower := newRawEncrypted(t)
				fault(t, a, b, lower)
				a.refusesStale()
				a.must("unpublish", a.unpublish("pod"))
				if end == "stage" {
					a.must("stage", a.stage)
					a.must("stage again", a.stage)
				} else {
					if end != "unstage" {
						a.forget()
					}
					a.must("unstage", a.unstage)
					require.Empty(t, lower.holders(), "unstaged means that the encryption is closed")
					require.NoError(t, exclusive(t, lower))
					a.must("stage", a.stage)
				}
				a.must("publish", a.publish("pod", false))
				a.reads("pod", "of a")
				require.NoError(t, a.writes("pod", "still of a"))
				a.must("unpublish", a.unpublish("pod"))
				a.must("unstage", a.unstage)
				require.Empty(t, lower.holders())
				require.NoError(t, exclusive(t, lower))
				a.endOfOther(b)
				a.nothingLeft()
			})
		}
	}
}

// refusesStale demands that nothing is given to a pod, and nothing taken.
func (v rawEncrypted) refusesStale() {
	v.Helper()
	for _, pod := range []string{"pod", "second"} {
		require.Equal(v, codes.FailedPrecondition, v.refused("publish "+pod, v.publish(pod, false)))
	}
	require.NoFileExists(v, v.at("second"))
	code, said := v.refusedWith("stage", v.stage)
	require.Equal(v, codes.AlreadyExists, code)
	require.Contains(v, said, v.at("pod"))
	require.Contains(v, said, "unstage it first")
	require.Equal(v, codes.Aborted, v.refused("unstage", v.unstage))
}

// endOfOther demands that volume b, if it is used, has gone on all the time.
func (v rawEncrypted) endOfOther(b rawEncrypted) {
	v.Helper()
	if _, err := os.Stat(b.at("other")); errors.Is(err, os.ErrNotExist) {
		return
	}
	v.must("publish b again", b.publish("other", false))
	b.reads("other", "of b")
	v.must("unpublish b", b.unpublish("other"))
	v.must("unstage b", b.unstage)
}

// R17, R6: the disk below an open encryption is pulled out while a pod has its
// content, and another disk is plugged in. The pod gets errors and nothing of
// the other disk; when it has gone, nothing stays open, also where all is
// forgotten; and when the disk is back, perhaps by another name, its data is
// found.
func TestR17_TheDiskBelowAnEncryptedRawDeviceIsPulledOut(t *testing.T) {
	for i, end := range []string{"stage", "unstage", "unstage, all forgotten"} {
		t.Run(end, func(t *testing.T) {
			needTarget(t, "crypt")
			n := newNode(t, "raw")
			serial := fmt.Sprintf("vol0000004%d", i)
			pulled, taken := newDisk(t, serial, 64*mib), newDisk(t, fmt.Sprintf("vol0000005%d", i), 64*mib)
			first := pulled.plug()
			n.find("a", bySerial(t, serial))
			a := rawEncrypted{node: n, id: "a"}
			n.must("stage", a.stage)
			n.must("publish", a.publish("pod", false))
			require.NoError(t, a.writes("pod", "of a"))
			pulled.unplug()
			other := taken.plug()
			t.Logf("the disk was %s, another is %s", first, other)
			before := digest(t, other)

			require.Error(t, a.writes("pod", "lost"))
			n.refused("publish", a.publish("pod", false))
			n.refused("publish", a.publish("second", false))
			require.Equal(t, codes.Unavailable, n.refused("stage", a.stage))
			require.Equal(t, codes.Aborted, n.refused("unstage", a.unstage))
			if end == "stage" {
				t.Logf("the disk is back as %s", pulled.plug())
				a.refusesStale()
			}
			n.must("unpublish", a.unpublish("pod"))
			if end != "stage" {
				if end != "unstage" {
					a.forget()
				}
				n.must("unstage", a.unstage)
				a.nothingLeft()
				t.Logf("the disk is back as %s", pulled.plug())
			}
			n.must("stage", a.stage)
			n.must("publish", a.publish("pod", false))
			a.reads("pod", "of a")
			n.must("unpublish", a.unpublish("pod"))
			n.must("unstage", a.unstage)
			a.nothingLeft()
			require.Equal(t, before, digest(t, other))
		})
	}
}

// R6: a pod that ends late still has the device open when its target is gone.
// The encryption is not closed below it, and unstage says that it waits.
func TestR6_AnEncryptedRawDeviceThatIsStillOpen(t *testing.T) {
	a, _, lower := newRawEncrypted(t)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(a.at("pod"), &st))
	own := a.at("container") // a container has a node of its own, and not the target
	require.NoError(t, unix.Mknod(own, unix.S_IFBLK|0o600, int(st.Rdev)))
	f, err := os.OpenFile(own, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	a.must("unpublish", a.unpublish("pod"))
	for range 2 {
		require.Equal(t, codes.Aborted, status.Code(a.answers("unstage", a.unstage)))
		require.Len(t, lower.holders(), 1)
		_, err = f.WriteAt([]byte("late"), mib)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(f.Sync(), f.Close()))
	a.must("unstage", a.unstage)
	require.Empty(t, lower.holders())
	require.NoError(t, exclusive(t, lower))
	a.must("stage", a.stage)
	a.must("publish", a.publish("pod", false))
	a.reads("pod", "late")
	a.must("unpublish", a.unpublish("pod"))
	a.must("unstage", a.unstage)
	a.nothingLeft()
}

// R5, R17: who may write follows the requests, on the mapping as on the device
// below it: what one request has made read-only is so until it is over, a
// resized mapping included, and not longer.
func TestR5_AnEncryptedRawDeviceForReaders(t *testing.T) {
	a, _, lower := newRawEncrypted(t)
	a.must("unpublish", a.unpublish("pod"))
	writer := func(text string) {
		t.Helper()
		a.must("publish", a.publish("pod", false))
		require.NoError(t, a.writes("pod", text))
		a.reads("pod", text)
		a.must("unpublish", a.unpublish("pod"))
	}
	a.must("publish readonly", a.publish("pod", true))
	require.Error(t, a.writes("pod", "x"))
	expand := func(ctx context.Context) error { return a.expand(ctx, "a", 96*mib) }
	a.grow(lower, 32*mib)
	require.Equal(t, codes.Unavailable, a.refused("expand", expand), "what is resized now could never be written again")
	a.must("stage again", a.stage)
	require.Error(t, a.writes("pod", "x"), "once more")
	a.must("publish again", a.publish("pod", true))
	a.reads("pod", "of a")
	a.must("unpublish", a.unpublish("pod"))
	writer("written 1")
	require.Equal(t, int64(80*mib), a.contentSize(), "the publish for a writer has made it grow")
	a.must("expand", expand)
	a.grow(lower, 32*mib)
	a.must("expand", expand)
	require.Equal(t, int64(112*mib), a.contentSize())
	writer("written 1")
	a.must("publish readonly", a.publish("pod", true))
	a.must("unpublish", a.unpublish("pod"))
	a.must("unstage", a.unstage)
	require.False(t, readOnly(t, lower.path()))

	reader := rawEncrypted{node: a.node, id: "a", reader: true}
	before := digest(t, lower.path())
	a.must("stage for readers", reader.stage)
	require.True(t, readOnly(t, lower.path()))
	a.must("publish", reader.publish("pod", false))
	require.True(t, readOnly(t, a.at("pod")))
	require.Error(t, a.writes("pod", "x"))
	a.reads("pod", "written 1")
	a.must("unpublish", a.unpublish("pod"))
	a.must("unstage", a.unstage)
	require.Equal(t, before, digest(t, lower.path()))
	require.Equal(t, codes.Unauthenticated, a.refused("stage with a wrong passphrase", func(ctx context.Context) error { return reader.stageWith(ctx, "wrong") }))
	require.False(t, readOnly(t, lower.path()), "what failed leaves no mark")
	a.nothingLeft()

	a.must("stage", a.stage)
	writer("written 2")
	a.must("unstage", a.unstage)
	require.NoError(t, exclusive(t, lower))
	a.nothingLeft()
}

// contentSize is the size of the device that is staged.
func (v rawEncrypted) contentSize() int64 {
	v.Helper()
	usage, err := v.stats(v.Context(), v.id, v.staging(v.id))
	require.NoError(v, err)
	return usage.GetTotal()
}

// grow makes the device below larger.
func (v rawEncrypted) grow(lower *mapping, more int64) {
	v.Helper()
	require.NoError(v, os.Truncate(lower.image, lower.sectors*sector+more))
	run(v.T, "losetup", "-c", lower.loop)
	lower.sectors += more / sector
	lower.heal()
}
