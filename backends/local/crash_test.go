//go:build csikit_crash

package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
)

func init() {
	children["cut"] = func(b *local.Backend, args []string) error {
		_, err := b.CreateSnapshot(contextBackground, csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: args[0]}})
		return err
	}
}

// killAtEachStep runs a child again and again, and lets it die before its n-th
// step, until it ends by itself.
func killAtEachStep(t *testing.T, pool, name string, args []string, check func(when string)) {
	t.Helper()
	for n := 1; ; n++ {
		cmd := child(t, pool, name, args...)
		var trace strings.Builder
		cmd.Env = append(cmd.Env, fmt.Sprintf("CSIKIT_CRASH_AT=%d", n), "CSIKIT_CRASH_TRACE=1")
		cmd.Stderr = &trace
		err := cmd.Run()
		lines := strings.Split(strings.TrimSpace(trace.String()), "\n")
		check("killed before " + lines[len(lines)-1])
		if err == nil {
			t.Logf("%d steps", n-1)
			require.Greater(t, n, 10, "the steps are not marked")
			return
		}
		require.ErrorContains(t, err, "killed", trace.String())
	}
}

func TestKill_BeforeEachStep(t *testing.T) {
	pool := newPool(t, "", 0)
	killAtEachStep(t, pool, "life", nil, func(when string) { consistent(t, pool, when) })
}

func TestKill_BeforeEachStepOfASnapshotOfAMountedVolume(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 32*mib)
	dir := stage(t, b, v.ID, "ext4", "ext4")
	want := fill(t, filepath.Join(dir, "data"), mib, 1)
	killAtEachStep(t, pool, "cut", []string{v.ID}, func(when string) {
		// The guard thaws without anybody's help; the write hangs if not.
		require.NoError(t, os.WriteFile(filepath.Join(dir, "after"), []byte(when), 0o600))
		require.NoError(t, b.Probe(t.Context()))
		s := cut(t, b, "s", v.ID)
		require.Equal(t, []string{"volumes/" + filepath.Base(v.ID), "snapshots/" + filepath.Base(s.ID)}, tree(t, pool), when)
		require.NoError(t, b.DeleteSnapshot(t.Context(), csi.SnapshotRef{ID: s.ID}))
	})
	s := cut(t, b, "s", v.ID)
	require.Equal(t, want, sum(t, filepath.Join(stage(t, b, restore(t, b, s.ID, "r", 0).ID, "", "ext4"), "data")))
}
