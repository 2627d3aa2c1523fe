package mount

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/internal/namelock"
)

// Contexts of a btrfs need mount(2) on kernels that have all else (before Linux
// 6.8): so the hidden mount of a process that was killed is looked for on each.
func TestR3_WhatAKilledProcessHasHiddenIsTakenAway(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		k = &Kernel{Only: k.Only, hidden: looptest.Dir(t)}
		hidden := filepath.Join(k.hidden, "killed")
		require.NoError(t, (&hideout{dir: hidden, node: filepath.Join(hidden, "mount")}).build(true))
		t.Cleanup(func() { popAll(filepath.Join(hidden, "mount")); popAll(hidden) })
		dev := device(t, "ext4")
		require.NoError(t, unix.Mount(dev.Name(), filepath.Join(hidden, "mount"), "ext4", 0, ""))
		require.ErrorIs(t, idle(dev), ErrBusy)
		k.Features()
		require.NoDirExists(t, hidden)
		require.NoError(t, idle(dev))
	})
}

// Another driver, of this process or with a process id that means nothing here,
// may use the same place: what it has is not taken away, and both can mount.
func TestR3_WhatOthersHaveHiddenStays(t *testing.T) {
	looptest.NeedRoot(t)
	k := oldKernel(t)
	k.Features()
	place, err := k.openPlace(target(t, looptest.Dir(t), "at"))
	require.NoError(t, err)
	defer place.close()
	h, err := k.hide(t.Context(), place)
	require.NoError(t, err)
	require.NoError(t, unix.Mount("none", h.node, "tmpfs", 0, ""))
	other := &Kernel{Only: k.Only, hidden: k.hidden}
	other.Features()
	require.NoError(t, h.move(place), "it is still there")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = other.hide(ended, place)
	require.ErrorIs(t, err, namelock.ErrLocked)
	require.NoError(t, h.remove())
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h, err = other.hide(soon, place)
	require.NoError(t, err)
	require.NoError(t, h.remove())
	require.NoError(t, k.Unmount(t.Context(), place.path))
}

// One whose process is killed while others run does not keep them from mounting.
func TestR3_AHideoutThatIsLeftIsUsedAgain(t *testing.T) {
	looptest.NeedRoot(t)
	k, base := oldKernel(t), looptest.Dir(t)
	k.Features()
	at, source := target(t, base, "at"), target(t, base, "source")
	place, err := k.openPlace(at)
	require.NoError(t, err)
	defer place.close()
	h, err := k.hide(t.Context(), place)
	require.NoError(t, err)
	require.NoError(t, unix.Mount("none", h.node, "tmpfs", 0, ""))
	h.unlock() // as the kernel does
	require.NoError(t, k.Bind(t.Context(), Binding{Source: source, Target: at}))
	require.NoDirExists(t, h.dir)
	require.NoError(t, k.Unmount(t.Context(), at))
}

// R14: the hidden mount of a device that does not answer, here since its image is
// on a frozen file system, keeps no other call waiting.
func TestR14_AHiddenMountThatDoesNotAnswer(t *testing.T) {
	looptest.NeedRoot(t)
	dir := looptest.Dir(t)
	outer, k := target(t, dir, "outer"), &Kernel{hidden: target(t, dir, "hidden"), patience: 100 * time.Millisecond}
	point := filepath.Join(k.hidden, "killed", "mount")
	run := func(name string, args ...string) {
		out, err := exec.Command(name, args...).CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
	}
	require.NoError(t, unix.Mount(device(t, "ext4").Name(), outer, "ext4", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(outer, 0)) }()
	image := filepath.Join(outer, "image")
	run("truncate", "-s", "16M", image)
	run("mkfs.ext4", "-q", image)
	require.NoError(t, (&hideout{dir: filepath.Dir(point), node: point}).build(true))
	run("mount", "-o", "loop", image, point)
	require.NoError(t, os.WriteFile(filepath.Join(point, "x"), make([]byte, 1<<20), 0o600))
	run("fsfreeze", "-f", outer)
	found := make(chan error, 1)
	go func() {
		_, err := k.Find("/proc")
		found <- err
	}()
	var err error
	select {
	case err = <-found:
	case <-time.After(10 * time.Second):
		err = errors.New("no answer")
	}
	run("fsfreeze", "-u", outer)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return k.watch.Quiet() }, time.Minute, 10*time.Millisecond)
	require.NoDirExists(t, filepath.Dir(point), "what was late has been removed")
}
