package fs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// What others do between the steps of a format, played in the order in which it
// does harm.

// hold opens a device as a mount does, for the length of the test.
func hold(t *testing.T, d *Device) *os.File {
	t.Helper()
	f, err := os.OpenFile(d.name, os.O_RDONLY|unix.O_EXCL, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Somebody takes the device after it was proven empty and free, and before mkfs
// begins: here while mkfs.xfs tells what it can do.
func TestR2_TheDeviceIsTakenJustBeforeMkfs(t *testing.T) {
	d, image := newDevice(t, least["xfs"])
	tool, err := exec.LookPath("mkfs.xfs")
	require.NoError(t, err)
	dir := fake(t, "mkfs.xfs", fmt.Sprintf(`if test $# = 0; then touch "$0.asked"; while ! test -e "$0.go"; do sleep 0.01; done; fi
exec %s "$@"`, tool))
	before := hash(t, image)
	done := make(chan error, 1)
	go func() { done <- d.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}) }()
	require.Eventually(t, func() bool { _, err := os.Stat(dir + "/mkfs.xfs.asked"); return err == nil }, 20*time.Second, time.Millisecond)
	hold(t, d)
	require.NoError(t, os.WriteFile(dir+"/mkfs.xfs.go", nil, 0o600))
	require.ErrorIs(t, <-done, ErrBusy)
	require.Equal(t, before, hash(t, image))
}

// Ruling 24: a loop device on top keeps even the intent from being written. An
// exclusive open does not notice it.
func TestR2_NothingIsWrittenBelowALoopDevice(t *testing.T) {
	d, image := newDevice(t, least["xfs"])
	looptest.Attach(t, d.name)
	for _, intent := range []bool{false, true} {
		if intent { // a format that only has its intent left to remove
			command(t, "mkfs.ext4", "-q", "-U", ours.String(), d.name)
			write(t, d.name, 0, intentFor("ext4", ours))
		}
		before := hash(t, image)
		for _, kind := range allTypes {
			require.Error(t, d.Format(t.Context(), Format{Type: kind, UUID: ours.String()}))
		}
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}), ErrBusy)
		require.Equal(t, before, hash(t, image))
	}
}

// Sector 0 is not written to a device that is in use, and what is written there
// is on the disk before mkfs begins.
func TestR9_TheFirstSectorIsExclusiveAndDurable(t *testing.T) {
	d, image := newDevice(t, 8<<20)
	sector := intentFor("ext4", ours)
	require.NoError(t, d.writeFirst("write the intent", sector))
	require.Equal(t, sector, firstSector(t, image))
	hold(t, d)
	require.ErrorIs(t, d.writeFirst("remove the intent", make([]byte, intentLength)), ErrBusy)
	require.Equal(t, sector, firstSector(t, image))
}

// Whatever the tool leaves in memory is on the disk when Format returns: a mark
// that says "formatted" may be written then.
func TestR9_AFormatIsOnTheDisk(t *testing.T) {
	f := unique("xfs")
	made, model := newDevice(t, least["xfs"])
	require.NoError(t, made.Format(t.Context(), f))
	tool, err := exec.LookPath("mkfs.xfs")
	require.NoError(t, err)
	fake(t, "mkfs.xfs", fmt.Sprintf(`test $# = 0 && exec %s; exec dd if=%s of=/proc/self/fd/3 bs=1M conv=notrunc,sparse status=none`, tool, model))
	d, image := newDevice(t, least["xfs"])
	require.NoError(t, d.Format(t.Context(), f))
	require.Equal(t, hash(t, model), hash(t, image))
}

// A proof is good only if it was made under the lock.
func TestR1_AProofWithoutTheLockIsNone(t *testing.T) {
	d, _ := newDevice(t, least["xfs"])
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, Empty, c.State)
	write(t, d.name, spanNear(t, 100<<20, least["xfs"]), []byte("somebody"))
	require.ErrorIs(t, d.Format(t.Context(), Format{Type: "xfs", UUID: ours.String()}), ErrNotEmpty)
}

// Where it cannot be found out whether a loop device is on top, the device is not
// free. One thread gets a mount namespace without that part of /sys, for as short
// as can be: meanwhile it has copies of what other tests have mounted.
func TestR6_WhatCannotBeLookedForIsNotAbsent(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	require.NoError(t, d.Exclusive())
	var answer error
	require.NoError(t, looptest.Apart(func() error {
		err := errors.Join(
			unix.Mount("none", "/sys/devices/virtual", "tmpfs", 0, ""),
			unix.Mount("/dev/null", "/proc/partitions", "", unix.MS_BIND, ""))
		if err == nil {
			answer = d.Exclusive()
		}
		return err
	}))
	require.ErrorContains(t, answer, "look for loop devices")
	require.NoError(t, d.Exclusive())
}

// A device that refuses O_DIRECT is read after its page cache was dropped.
func TestStalePageCacheIsDroppedWithoutDirectReads(t *testing.T) {
	d, image := newDevice(t, 8<<20)
	b := make([]byte, 4096)
	_, err := d.file.ReadAt(b, 0)
	require.NoError(t, err)
	write(t, image, 0, []byte("another node"))
	_, err = d.file.ReadAt(b, 0)
	require.NoError(t, err)
	require.True(t, allZero(b), "the page cache should be stale, or this test proves nothing")
	file, err := d.reopen(os.O_RDONLY)
	require.NoError(t, err)
	r := &directReader{file: file, size: 8 << 20}
	require.NoError(t, r.prepare())
	_, err = r.ReadAt(b, 0)
	require.NoError(t, errors.Join(err, r.Close()))
	require.Contains(t, string(b), "another node")
}

// The device was larger when its size was read: what is not there is no zeros.
func TestR1_ADeviceThatShrankIsUnreadable(t *testing.T) {
	d, _ := newDevice(t, 4<<20)
	r, err := d.openDirect()
	require.NoError(t, err)
	r.size += 1 << 20
	done := make(chan error, 1)
	go func() {
		_, err := examine(t.Context(), r, r.size)
		done <- err
	}()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("it reads for ever")
	}
	require.NoError(t, r.Close())
}

// A btrfs of several devices is not grown: which of them would not be said.
func TestR13_BtrfsOfTwoDevices(t *testing.T) {
	a, image := newDevice(t, least["btrfs"])
	b, _ := newDevice(t, least["btrfs"])
	command(t, "mkfs.btrfs", "-q", "-d", "single", "-m", "single", a.name, b.name)
	dir := mountAt(t, a, "btrfs", 0)
	enlarge(t, a, image, 300<<20)
	_, err := Grow(t.Context(), dir, a)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.FileExists(t, filepath.Join("/sys/dev/block", numberText(a.number), "size"))
	require.NoError(t, unix.Unmount(dir, 0))
}
