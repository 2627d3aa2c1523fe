package fs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// fake puts a script in front of PATH.
func fake(t *testing.T, name, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

var dirty = Content{State: Known, Type: "ext4", NeedsCheck: true}

func TestR11_EveryExitStatus(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	dir := fake(t, "e2fsck", `echo x >>"$0.calls"; echo "said by $2 $1"; exit $(cat "$0.code")`)
	for code := range 256 {
		_ = os.Remove(dir + "/e2fsck.calls")
		require.NoError(t, os.WriteFile(dir+"/e2fsck.code", fmt.Append(nil, code), 0o600))
		err := d.Check(t.Context(), dirty)
		calls, _ := os.ReadFile(dir + "/e2fsck.calls")
		if code <= 1 {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged, "exit status %d", code)
		require.ErrorContains(t, err, "said by /proc/self/fd/3 -p")
		want := "x\n"
		if code == 2 || code == 3 {
			want = "x\nx\n"
		}
		require.Equal(t, want, string(calls), "exit status %d", code)
	}
}

func TestR11_SecondLookHelps(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	fake(t, "e2fsck", `test -e "$0.once" && exit 1; touch "$0.once"; exit 2`)
	require.NoError(t, d.Check(t.Context(), dirty))
}

func TestR11_WhatIsNotChecked(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	fake(t, "e2fsck", "exit 8")
	for _, c := range []Content{
		{},
		{State: Known, Type: "ext4", Clean: true},
		{State: Known, Type: "ext4"},
		{State: Known, Type: "xfs", NeedsCheck: true},
		{State: Known, Type: "btrfs"},
		{State: Ambiguous, Type: "ext4", NeedsCheck: true},
	} {
		require.NoError(t, d.Check(t.Context(), c), "%+v", c)
	}
}

// A journal is replayed before the mount, not by it: see [Device.Check]. What is
// on the disk of a mounted file system is what a crash leaves.
func TestR11_AJournalIsReplayedFirst(t *testing.T) {
	d, image := formatted(t, "ext4")
	dir := mountAt(t, d, "ext4", 0)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data"), []byte("kept"), 0o600))
	command(t, "sync", "-f", dir)
	crashed := looptest.Image(t, least["ext4"])
	command(t, "cp", "--sparse=always", image, crashed)
	command(t, "umount", dir)
	after := open(t, looptest.Attach(t, crashed))
	c, err := after.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []bool{false, true}, []bool{c.Clean, c.NeedsCheck})
	require.NoError(t, after.Check(t.Context(), c))
	c, err = after.Probe(t.Context())
	require.NoError(t, err)
	require.True(t, c.Clean, "nothing is left for the kernel to replay")
	data, err := os.ReadFile(filepath.Join(mountAt(t, after, "ext4", 0), "data"))
	require.NoError(t, err)
	require.Equal(t, "kept", string(data))
}

func TestR11_MissingToolIsAnError(t *testing.T) {
	d, _ := newDevice(t, 8<<20)
	t.Setenv("PATH", t.TempDir())
	require.ErrorIs(t, d.Check(t.Context(), dirty), exec.ErrNotFound)
	_, err := d.Probe(t.Context())
	require.ErrorIs(t, err, exec.ErrNotFound)
	for _, kind := range allTypes {
		require.ErrorIs(t, d.Format(t.Context(), Format{Type: kind, UUID: ours.String()}), exec.ErrNotFound)
	}
}

func TestR11_RealDamage(t *testing.T) {
	d, _ := newDevice(t, 64<<20)
	require.NoError(t, d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()}))
	command(t, "debugfs", "-w", "-R", "ssv state 2", d.name)
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	require.True(t, c.NeedsCheck)
	require.NoError(t, d.Check(t.Context(), c))
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	require.True(t, c.Clean, "e2fsck has repaired it")

	command(t, "debugfs", "-w", "-R", "clri <2>", d.name) // the root directory
	command(t, "debugfs", "-w", "-R", "ssv state 2", d.name)
	c, err = d.Probe(t.Context())
	require.NoError(t, err)
	err = d.Check(t.Context(), c)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "errors are left uncorrected")
}
