package csi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/mount"
)

// Finding 3: what a killed mkfs.xfs leaves is known as xfs, cannot be mounted
// and is never made again.
func killedMkfsIsRepeated(t *testing.T, f *finding) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("kills mkfs at a write: %v", err)
	}
	n, backend := newLoopNode(t, "v")
	path := os.Getenv("PATH")
	half := func(again func() error) {
		real, err := exec.LookPath("mkfs.xfs")
		require.NoError(t, err)
		tools := t.TempDir()
		t.Setenv("PATH", tools+":"+path)
		for write := 4; ; write += 4 {
			require.Less(t, write, 200, "no kill left a superblock in progress")
			script := fmt.Sprintf("#!/bin/sh\nexec %s -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=KILL:when=%d %s \"$@\"\n", strace, write, real)
			require.NoError(t, os.WriteFile(filepath.Join(tools, "mkfs.xfs"), []byte(script), 0o700))
			require.Error(t, again())
			if super := firstSector(t, backend.image("v")); string(super[:4]) == "XFSB" && super[126] == 1 {
				break
			}
		}
		t.Setenv("PATH", path)
	}
	half(func() error { return n.stage("v", fstype("xfs")) })
	require.NoError(t, n.stage("v", fstype("xfs")))
	f.ours = "known as its own by its UUID, and made again"
	require.NoError(t, n.unstage("v"))

	backend.detached(t, "v")
	require.NoError(t, os.Truncate(backend.image("v"), 0))
	require.NoError(t, os.Truncate(backend.image("v"), imageSize))
	device, at := looptest.Attach(t, backend.image("v")), n.path("theirs")
	require.NoError(t, os.Mkdir(at, 0o755))
	half(func() error { return utils().FormatAndMount(device, at, "xfs", nil) })
	for range 3 {
		require.Error(t, utils().FormatAndMount(device, at, "xfs", nil))
	}
	f.theirs = "never mounts and is never made again"
	detach(t, device)
}

func firstSector(t *testing.T, path string) []byte {
	image, err := os.Open(path)
	require.NoError(t, err)
	defer image.Close()
	b := make([]byte, 512)
	_, err = image.ReadAt(b, 0)
	require.NoError(t, err)
	return b
}

// killRounds is how often each of the two is killed.
const killRounds = 40

// Finding 4: a read-only bind by mount-utils is two processes. A kill of the
// plugin's process group between them leaves a mount that can be written, which
// the retry takes for done.
func readOnlyIsAtomic(t *testing.T, f *finding) {
	n, _ := newLoopNode(t, "v")
	require.NoError(t, n.stage("v", fstype("ext4")))
	target := n.path("pod/mount")
	require.NoError(t, os.MkdirAll(target, 0o755))
	ours := writableAfterKill(t, "csikit", n.stagingPath("v"), target)
	theirs := writableAfterKill(t, "mount-utils", n.stagingPath("v"), target)
	f.ours = fmt.Sprintf("%d of %d kills left it writable", ours, killRounds)
	f.theirs = fmt.Sprintf("%d of %d kills left it writable", theirs, killRounds)
	require.Zero(t, ours)
	require.Positive(t, theirs)
	require.NoError(t, os.Remove(target))
	require.NoError(t, n.unstage("v"))
}

// writableAfterKill counts the kills after which the target can be written.
func writableAfterKill(t *testing.T, by, source, target string) (writable int) {
	for i := range killRounds {
		child := exec.Command(os.Args[0], "-test.run=^TestSixFindingsChild$")
		child.Env = append(os.Environ(), "SIX_FINDINGS_BY="+by, "SIX_FINDINGS_SOURCE="+source, "SIX_FINDINGS_TARGET="+target)
		child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		turn := func() {
			_, err := out.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		turn()
		began := time.Now()
		turn()
		time.Sleep(time.Since(began) * time.Duration(i) / killRounds) // another moment of a turn each time
		require.NoError(t, syscall.Kill(-child.Process.Pid, syscall.SIGKILL))
		_ = child.Wait()
		probe := filepath.Join(target, "probe")
		mounted := unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_EXPIRE) == unix.EAGAIN // marks, and unmounts nothing
		if mounted && os.WriteFile(probe, nil, 0o600) == nil {
			require.NoError(t, os.Remove(probe))
			writable++
		}
		require.NoError(t, mount.NewKernel().Unmount(t.Context(), target))
	}
	return writable
}

// TestSixFindingsChild binds read-only and unmounts until it is killed.
func TestSixFindingsChild(t *testing.T) {
	source, target := os.Getenv("SIX_FINDINGS_SOURCE"), os.Getenv("SIX_FINDINGS_TARGET")
	if target == "" {
		t.Skip("runs as a child of TestSixFindings")
	}
	kernel, theirs := mount.NewKernel(), utils()
	for {
		fmt.Print("x")
		if os.Getenv("SIX_FINDINGS_BY") == "csikit" {
			require.NoError(t, kernel.Bind(t.Context(), mount.Binding{Source: source, Target: target, ReadOnly: true}))
			require.NoError(t, kernel.Unmount(t.Context(), target))
			continue
		}
		require.NoError(t, theirs.Mount(source, target, "", []string{"bind", "ro"}))
		require.NoError(t, theirs.Unmount(target))
	}
}
