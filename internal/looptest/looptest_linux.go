package looptest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/loopdev"
)

// Attach attaches an image file and returns the path of its loop device. It is
// detached at the end of the test, before the leak check of the image's [Dir].
func Attach(t testing.TB, image string) string {
	t.Helper()
	NeedRoot(t)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	dev, ino, err := loopdev.Identity(f)
	require.NoError(t, err)
	device, err := loopdev.Attach(context.Background(), f, loopdev.Options{})
	require.NoError(t, err)
	path := device.Name()
	t.Cleanup(func() { detach(t, path, dev, ino) })
	require.NoError(t, device.Close())
	return path
}

// detach detaches the device if it is still bound to the file.
func detach(t testing.TB, path string, dev, ino uint64) {
	nothing := func(string) bool { return false }
	err := loopdev.Each(nothing, func(info loopdev.Info) error {
		if info.Path == path && info.Device == dev && info.Inode == ino {
			return loopdev.DetachBound(info)
		}
		return nil
	})
	if err != nil {
		t.Errorf("detach %s: %v", path, err)
	}
}

// checkLeaks fails the test if mounts or loop devices are left, and removes
// them. A device may take a moment to go, since other processes that look for
// theirs hold each device for an instant.
func checkLeaks(t testing.TB, dir string) {
	targets, err := invariant.Mounts(dir)
	if err != nil {
		t.Errorf("leak check: %v", err)
	}
	for _, target := range targets {
		t.Errorf("leak: %s is still mounted", target)
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("clean up: unmount %s: %v", target, err)
		}
	}
	var left []string
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if left, err = invariant.Loops(dir); err != nil {
			t.Errorf("leak check: %v", err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	for _, path := range left {
		t.Errorf("leak: %s is still attached to a file below %s", path, dir)
		if err := detachPath(path); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}

func detachPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(loopdev.Detach(f), f.Close())
}
