package loopdev_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
)

// R14: while the kernel reads the partition table of somebody else's device
// again, whose file is on a file system that does not take writes, nobody can
// open that device. Whoever looks for another file or at another device goes on.
func TestR14_ALoopDeviceThatCannotBeOpened(t *testing.T) {
	looptest.NeedRoot(t)
	old := loopdev.SetPatience(200 * time.Millisecond)
	t.Cleanup(func() { loopdev.SetPatience(old) })
	run := func(command ...string) {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	image := func(path string, size int64) string {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, size))
		return path
	}
	dir := looptest.Dir(t)
	outer := looptest.Device(t, 320*mib) // xfs: before Linux 6.8 a loop device writes to an ext4 that is frozen
	run("mkfs.xfs", "-q", outer)
	pool := filepath.Join(dir, "pool")
	require.NoError(t, os.Mkdir(pool, 0o700))
	require.NoError(t, unix.Mount(outer, pool, "xfs", 0, ""))
	t.Cleanup(func() { // when the foreign device has let go of its file
		require.Eventually(t, func() bool { return unix.Unmount(pool, 0) == nil }, 10*time.Second, 10*time.Millisecond)
	})
	foreign := looptest.Attach(t, image(filepath.Join(pool, "volume/image"), 8*mib))
	withPartitions(t, foreign)

	mine := attach(t, image(filepath.Join(dir, "mine"), mib), loopdev.Options{})
	number := numberOf(t, mine)
	other, err := os.Open(image(filepath.Join(dir, "other/image"), mib))
	require.NoError(t, err)
	defer other.Close()
	same, err := os.Open(image(filepath.Join(dir, "volume/image"), mib))
	require.NoError(t, err)
	defer same.Close()

	dirty, err := os.OpenFile(foreign, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = dirty.Write(make([]byte, mib))
	require.NoError(t, err)
	run("fsfreeze", "--freeze", pool)
	reread := make(chan struct{})
	go func() {
		defer close(reread)
		_ = unix.IoctlSetInt(int(dirty.Fd()), unix.BLKRRPART, 0)
	}()
	thaw := func() {
		run("fsfreeze", "--unfreeze", pool)
		<-reread
		require.NoError(t, dirty.Close())
	}
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, 3)
	time.Sleep(200 * time.Millisecond) // until the ioctl waits
	select {
	case <-reread:
		thaw()
		t.Fatal("the kernel has not waited for the file system")
	default:
	}
	go func() {
		answers <- answer{"Above", loopdev.Above(number, func(loopdev.Info) error { return nil })}
		_, err := loopdev.Find(other)
		answers <- answer{"Find", err}
		_, err = loopdev.Find(same)
		answers <- answer{"Find of the same name", err}
	}()
	limit := time.After(3 * time.Second)
	var got []answer
wait:
	for len(got) < cap(answers) {
		select {
		case a := <-answers:
			got = append(got, a)
		case <-limit:
			break wait
		}
	}
	thaw()
	require.Len(t, got, cap(answers), "answers while the foreign device cannot be opened")
	require.NoError(t, got[0].err)
	require.NoError(t, got[1].err)
	require.ErrorContains(t, got[2].err, foreign, "it may be the one that is looked for")
	require.Eventually(t, loopdev.Quiet, 10*time.Second, time.Millisecond, "every late call ends, and closes what it has opened")
	found, err := loopdev.Find(same)
	require.NoError(t, err)
	require.Empty(t, found)
}

// withPartitions is losetup --partscan: only such a device has a table to read.
func withPartitions(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	s, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
	require.NoError(t, err)
	s.Flags |= unix.LO_FLAGS_PARTSCAN
	require.NoError(t, unix.IoctlLoopSetStatus64(int(f.Fd()), s))
}
