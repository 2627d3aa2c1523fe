//go:build linux

package crashtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/internal/looptest"
)

// TestCrash_BesideACopy kills the driver before each step of an unstage that has to
// wait for another mount namespace, which has a copy of the mount, and of staging
// the volume once more meanwhile. The next process stages it, all data is there, and
// it is unstaged when the copy has gone. CSIKIT_CRASH_SAMPLE=all does it on each
// file system.
func TestCrash_BesideACopy(t *testing.T) {
	names := []string{"ext4", "xfs", "btrfs"}
	if !sampleSetting(t).all() {
		names = names[seedSetting(t)%3:][:1]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			kills := 0
			w := &worker{h: newHost(t)}
			t.Cleanup(w.close)
			v, err := w.begin(t.Context(), &sequence{kind: kindOf(name)})
			require.NoError(t, err)
			for _, last := range []op{unstage, stage} {
				for at, killed := 1, true; killed; at++ {
					killed = besideACopy(t, w, v, last, at)
					kills += count(killed)
				}
			}
			require.NoError(t, w.end(t.Context(), v))
			t.Logf("%d crash points", kills)
			require.Greater(t, kills, 2+6, "fewer than there are steps")
		})
	}
}

func besideACopy(t *testing.T, w *worker, v *volume, last op, at int) (killed bool) {
	waits := func() {
		t.Helper()
		err := v.do(t.Context(), w.d, unstage, 0)
		require.Equal(t, codes.Aborted, status.Code(err), "%v", err)
		require.NotEmpty(t, invariant.Free(v.image()), "%v", err)
	}
	require.NoError(t, v.settled(t.Context(), w.d, stage))
	pod := looptest.Copy(t, w.h.dir)
	if last == stage {
		waits()
	}
	d, err := w.h.start(at)
	require.NoError(t, err)
	answer := v.do(t.Context(), d, last, 0)
	killed = d.crashed(answer)
	d.kill()
	require.NoError(t, w.fresh())
	if last == unstage {
		waits()
	}
	require.NoError(t, v.do(t.Context(), w.d, stage, 0), "%v: killed before step %d: %v", last, at, answer)
	require.NoError(t, v.looks(), "%v: killed before step %d: %v", last, at, answer)
	require.NoError(t, v.work())
	waits()
	pod.End()
	require.NoError(t, v.settled(t.Context(), w.d, unstage))
	return killed
}
