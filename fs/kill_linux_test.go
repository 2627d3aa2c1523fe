package fs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/looptest"
)

// outcome names what a killed format left.
func outcome(t *testing.T, d *Device, f Format) string {
	t.Helper()
	c, err := d.Probe(t.Context())
	require.NoError(t, err)
	if c.InProgress {
		require.Equal(t, []string{f.Type, f.UUID}, []string{c.Type, c.UUID})
	}
	switch {
	case c.complete:
		return "all but the intent"
	case c.InProgress:
		return "half-made"
	case c.State == Known:
		return "whole"
	}
	return c.State.String()
}

// repeat formats what a killed format left, and proves that it is a good file
// system then.
func repeat(t *testing.T, d *Device, f Format, left string) {
	t.Helper()
	if left != "whole" {
		require.NoError(t, d.Format(t.Context(), f), "after a kill that left it %s", left)
	}
	proveMountable(t, d, f)
}

// R9: mkfs is killed by the kernel at its n-th write. Whatever it left, the
// next Format makes a file system that can be mounted.
func TestR9_MkfsKilledAtAWrite(t *testing.T) {
	looptest.NeedRoot(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	for kind, stride := range map[string]int{"ext2": 4, "ext3": 80, "ext4": 3, "xfs": 8, "btrfs": 10} { // some 15 kills each
		if testing.Short() {
			stride *= 5
		}
		t.Run(kind, func(t *testing.T) {
			tool, err := exec.LookPath("mkfs." + kind)
			require.NoError(t, err)
			dir := fake(t, "mkfs."+kind, fmt.Sprintf(`test -e "$0.n" || exec %s "$@"
exec %s -f -qq -o /dev/null -e trace=pwrite64,fsync,fallocate -e inject=pwrite64,fsync,fallocate:signal=KILL:when=$(cat "$0.n") %s "$@"`, tool, strace, tool))
			number := filepath.Join(dir, "mkfs."+kind+".n")
			left := map[string]int{}
			for n := 1; left["whole"] < 2 && n < 2000; n += 1 + rand.IntN(stride) {
				d, _ := newDevice(t, least[kind])
				f := unique(kind)
				require.NoError(t, os.WriteFile(number, fmt.Append(nil, n), 0o600))
				_ = d.Format(t.Context(), f)
				require.NoError(t, os.Remove(number))
				what := outcome(t, d, f)
				left[what]++
				repeat(t, d, f, what)
			}
			t.Log(left)
		})
	}
}

// R9: the same at random moments of the whole format, by the context.
func TestR9_FormatCancelledAtAnyTime(t *testing.T) {
	looptest.NeedRoot(t)
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			first, _ := newDevice(t, least[kind])
			start := time.Now()
			require.NoError(t, first.Format(t.Context(), unique(kind)))
			whole := time.Since(start)
			left := map[string]int{}
			for range 6 {
				d, _ := newDevice(t, least[kind])
				f := unique(kind)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(whole))))
				_ = d.Format(ctx, f)
				cancel()
				what := outcome(t, d, f)
				left[what]++
				repeat(t, d, f, what)
			}
			t.Log(left)
		})
	}
}

// R2: the plugin is killed while mkfs runs. mkfs goes on and keeps the lock; a
// new plugin waits for it.
func TestR2_OrphanedMkfsKeepsTheLock(t *testing.T) {
	if path := os.Getenv("CSIKIT_TEST_FORMAT"); path != "" {
		d, err := Open(path)
		require.NoError(t, err)
		_ = d.Format(t.Context(), Format{Type: "ext4", UUID: ours.String()})
		return
	}
	looptest.NeedRoot(t)
	d, _ := newDevice(t, least["ext4"])
	tool, err := exec.LookPath("mkfs.ext4")
	require.NoError(t, err)
	dir := fake(t, "mkfs.ext4", fmt.Sprintf(`test "$1" = -V && exit 0
if ! test -e "$0.runs"; then touch "$0.runs"; while ! test -e "$0.go"; do sleep 0.01; done; fi
exec %s "$@"`, tool))
	plugin := exec.Command(os.Args[0], "-test.run=^TestR2_OrphanedMkfsKeepsTheLock$")
	plugin.Env = append(os.Environ(), "CSIKIT_TEST_FORMAT="+d.name)
	require.NoError(t, plugin.Start())
	runs := filepath.Join(dir, "mkfs.ext4.runs")
	require.Eventually(t, func() bool { _, err := os.Stat(runs); return err == nil }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, plugin.Process.Kill())
	require.Error(t, plugin.Wait())

	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Lock(short), context.DeadlineExceeded, "the orphan holds the lock")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mkfs.ext4.go"), nil, 0o600))
	f := Format{Type: "ext4", UUID: ours.String()}
	require.NoError(t, d.Format(t.Context(), f), "what the orphan made is completed")
	proveMountable(t, d, f)
}
