package mount

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
)

// What another process does between two steps, played in the order in which it
// does harm.

// The place was free when it was looked at, and is a mount point when the mount
// is attached: the later one is taken away, and not the one that was there.
func TestR4_WhatCameSecondIsTakenAway(t *testing.T) {
	looptest.NeedRoot(t)
	k := NewKernel()
	if !k.Features().Statmount {
		t.Skip("only statmount tells that another process was faster")
	}
	base, source := tree(t)
	at, dev := target(t, base, "pod"), device(t, "ext4")
	p, err := k.openPlace(at)
	require.NoError(t, err)
	defer p.close()
	require.NoError(t, unix.Mount("theirs", at, "tmpfs", 0, "size=1m"))

	require.ErrorIs(t, k.bindNew(t.Context(), source, attrs{}, p), ErrMounted)
	m := Mount{Type: "ext4", Device: dev}
	plan, err := m.plan()
	require.NoError(t, err)
	require.ErrorIs(t, k.mountNew(t.Context(), m, plan, p), ErrMounted)
	info := mustFind(t, k, at)
	require.Equal(t, 1, info.Layers)
	require.Equal(t, "theirs", info.Source)
	require.NoError(t, idle(dev))
	require.NoError(t, k.Unmount(t.Context(), at))
}

// Another process has mounted something on top since the target was looked at:
// the kernel takes that away, and unmounting goes on with what is still there.
func TestR18_WhatTheKernelTookAwayWasAnotherMount(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		_, at := tree(t)
		info, err := k.glance(at)
		require.NoError(t, err)
		require.NoError(t, unix.Mount("theirs", at, "tmpfs", 0, "size=1m"))
		require.NoError(t, k.pop(at, info))
		require.False(t, k.endedAlone(info))
		require.Equal(t, 1, mustFind(t, k, at).Layers)

		require.NoError(t, k.pop(at, info))
		require.Equal(t, k.Features().Statmount, k.endedAlone(info), "only a unique id tells")
		notMounted(t, k, at)
	})
}

// The path has become a symbolic link since it was looked at: the mount that it
// leads to stays.
func TestR6_ALinkIsNotFollowedByTheKernelEither(t *testing.T) {
	each(t, func(t *testing.T, k *Kernel) {
		base, source := tree(t)
		link := base + "/link"
		require.NoError(t, os.Symlink(source, link))
		require.ErrorIs(t, k.pop(link, Info{}), unix.EINVAL)
		require.ErrorIs(t, takeBack(link), unix.EINVAL)
		require.NoError(t, popLayers(link))
		require.Equal(t, 1, mustFind(t, k, source).Layers)
	})
}

// The device is free, but its name has become that of one whose file system is
// alive: the kernel itself refuses to share that, whatever the device says.
func TestR3_TheKernelRefusesALiveSuperblock(t *testing.T) {
	looptest.NeedRoot(t)
	k := NewKernel()
	if !k.Features().Exclusive {
		t.Skip("this kernel has no FSCONFIG_CMD_CREATE_EXCL")
	}
	for _, fsType := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fsType, func(t *testing.T) {
			free, alive, base := device(t, fsType), device(t, fsType), looptest.Dir(t)
			at, other := target(t, base, "at"), target(t, base, "other")
			require.NoError(t, k.Mount(t.Context(), Mount{Type: fsType, Device: alive}, other))
			m := Mount{Type: fsType, Device: free}
			plan, err := m.plan()
			require.NoError(t, err)
			plan.source = alive.Name()
			p, err := k.openPlace(at)
			require.NoError(t, err)
			defer p.close()
			require.ErrorIs(t, k.mountNew(t.Context(), m, plan, p), ErrBusy)
			notMounted(t, k, at)
			require.NoError(t, k.Unmount(t.Context(), other))
		})
	}
}

// Linux 6.1 refuses a btrfs whose origin is mounted; later kernels do not.
func TestR12_ARefusedCloneHasItsOwnKind(t *testing.T) {
	require.ErrorIs(t, clone("btrfs", unix.EEXIST), ErrSameUUID)
	require.ErrorIs(t, clone("btrfs", unix.EEXIST), unix.EEXIST)
	require.Equal(t, error(unix.EEXIST), clone("xfs", unix.EEXIST))
	require.Equal(t, error(unix.EIO), clone("btrfs", unix.EIO))
	require.NoError(t, clone("btrfs", nil))
}

// A btrfs of two devices is not the volume's alone: what one of them loses, the
// other cannot give back.
func TestR3_BtrfsOfTwoDevicesIsRefused(t *testing.T) {
	_ = exec.Command("modprobe", "btrfs").Run() // else mkfs.btrfs has nobody to tell which devices belong together
	each(t, func(t *testing.T, k *Kernel) {
		a, b := open(t, looptest.Device(t, sizes["btrfs"])), open(t, looptest.Device(t, sizes["btrfs"]))
		out, err := exec.Command("mkfs.btrfs", "-q", "-d", "single", "-m", "single", a.Name(), b.Name()).CombinedOutput()
		require.NoError(t, err, "%s", out)
		at := target(t, looptest.Dir(t), "at")
		for _, dev := range []*os.File{a, b} {
			require.ErrorIs(t, k.Mount(t.Context(), Mount{Type: "btrfs", Device: dev}, at), ErrWrongDevice)
			notMounted(t, k, at)
			require.NoError(t, idle(dev))
		}
	})
}
