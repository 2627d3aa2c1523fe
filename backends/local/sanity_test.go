//go:build linux

package local_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
	"github.com/csikit/csikit/csi/csitest/sanity"
)

// harness is a new pool of the file system given ("" is that of the test's
// directory), with real loop devices and mounts.
func harness(t *testing.T, poolType string) csitest.Harness {
	pool := newPool(t, poolType, 8*gib)
	backend := func() csi.Locator {
		b, err := local.New(local.Options{Pool: pool, Node: "n1", Overcommit: 100, MaxVolumes: 16, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		return b
	}
	return csitest.Harness{
		Backend: backend, Devices: true, Size: 320 * mib, FSTypes: []string{"ext4", "xfs", "btrfs"},
		Options: csi.Options{DefaultFSType: growable(t)},
		Leaks:   func() []string { return append(tree(t, pool), loopDevices(t, pool)...) },
	}
}

// growable is a file system that this process may grow while it is mounted:
// for ext4 the kernel wants CAP_SYS_RESOURCE, which containers often lack.
func growable(t testing.TB) string {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	require.NoError(t, unix.Capget(&header, &data[0]))
	if data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) == 0 {
		t.Log("without CAP_SYS_RESOURCE ext4 does not grow online: the default file system of this test is xfs")
		return "xfs"
	}
	return "ext4"
}

// loopDevices lists what is attached of the pool, deleted or not.
func loopDevices(t testing.TB, pool string) (names []string) {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	require.NoError(t, err)
	for _, file := range files {
		if backing, err := os.ReadFile(file); err == nil && strings.HasPrefix(string(backing), pool+"/") {
			names = append(names, file+": "+strings.TrimSpace(string(backing)))
		}
	}
	return names
}

// TestConformance_Directory runs the kit on a pool without a file system of its
// own.
func TestConformance_Directory(t *testing.T) {
	csitest.Run(t, func(t *testing.T) csitest.Harness { return harness(t, "") })
}

// TestConformance_XFS runs the kit on a pool that has reflink.
func TestConformance_XFS(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, the kit runs on one kind of pool")
	}
	csitest.Run(t, func(t *testing.T) csitest.Harness { return harness(t, "xfs") })
}

// TestSanity runs csi-sanity with real loop devices, file systems and mounts.
func TestSanity(t *testing.T) {
	h := harness(t, "")
	r := sanity.Run(t, h)
	require.Zero(t, r.Failed)
	require.Empty(t, h.Leaks())
	for reason := range r.Reasons {
		require.Regexp(t, "Health|Group|SNAPSHOT_ACCESSIBILITY|Controller(Unp|P)ublish|Publish, Unpublish|ControllerExpand|[Mm]odify|attachlimit|disabled", reason)
	}
}

// TestStress works on 8 volumes from 64 sides at once: see csitest.Stress.
func TestStress(t *testing.T) {
	h := harness(t, "")
	h.Size, h.Options.DefaultFSType = 16*mib, "ext4"
	csitest.Stress(t, h, 0)
}
