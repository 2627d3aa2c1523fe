//go:build linux

package local_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/namelock"
)

func init() {
	children["churn"] = churn
	children["life"] = func(b *local.Backend, _ []string) error { return life(b) }
}

// churn makes the same names as its brothers do, in its own order, deletes some
// of them and ends with all of them there. It prints the ids.
func churn(b *local.Backend, _ []string) error {
	names := []string{"a", "b", "c", "d", "e", "f"}
	for round := range 6 {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			v, err := b.CreateVolume(contextBackground, spec(name, mib))
			if err != nil {
				return fmt.Errorf("create %s: %w", name, err)
			}
			s, err := b.CreateSnapshot(contextBackground, csi.SnapshotSpec{Name: name, Volume: csi.VolumeRef{ID: v.ID}})
			if err != nil && !errors.Is(err, csi.ErrNotFound) { // a brother was faster to delete the volume
				return fmt.Errorf("snapshot %s: %w", name, err)
			}
			if err == nil {
				_, err = b.RestoreVolume(contextBackground, csi.SnapshotRef{ID: s.ID}, spec("of "+name, 2*mib))
				if err != nil && !errors.Is(err, csi.ErrNotFound) {
					return fmt.Errorf("restore %s: %w", name, err)
				}
			}
			if round == 5 {
				continue
			}
			for _, err := range []error{
				b.DeleteVolume(contextBackground, csi.VolumeRef{ID: v.ID}),
				b.DeleteSnapshot(contextBackground, csi.SnapshotRef{ID: v.ID}), // the id is made of the same name
			} {
				if err != nil && !errors.Is(err, csi.ErrNotFound) {
					return fmt.Errorf("delete %s: %w", name, err)
				}
			}
		}
	}
	return nil
}

// Contract ruling 12: what excludes processes from each other, as a leader that
// has lost its lease and the new one, is the pool.
func TestTwoProcesses_OnOnePool(t *testing.T) {
	pool := newPool(t, "", 0)
	var running []*exec.Cmd
	for range 3 {
		cmd := child(t, pool, "churn")
		require.NoError(t, cmd.Start())
		running = append(running, cmd)
	}
	for _, cmd := range running {
		require.NoError(t, cmd.Wait())
	}
	b := open(t, pool)
	require.NoError(t, b.Probe(t.Context()))
	listed := ids(t, b)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		v := create(t, b, name, mib)
		_, err := os.Stat(image(pool, "volumes", v.ID))
		require.NoError(t, err)
		if len(listed) == 12 {
			require.Contains(t, listed, v.ID)
		}
	}
	for _, path := range tree(t, pool) {
		require.NotContains(t, path, "/.", "nothing half made is left")
	}
}

// life is everything that changes the pool, once.
func life(b *local.Backend) error {
	v, err := b.CreateVolume(contextBackground, spec("v", 2*mib))
	if err != nil {
		return err
	}
	node := csi.NodeVolume{ID: v.ID}
	_, err = b.Locate(contextBackground, node)
	steps := []func() error{
		func() error { return err },
		func() error { return b.MarkFormatted(contextBackground, node) },
		func() error { return b.GrowDevice(contextBackground, growth(v.ID, 4*mib)) },
		func() error { return b.Release(contextBackground, node) },
		func() error {
			_, err := b.CreateSnapshot(contextBackground, csi.SnapshotSpec{Name: "s", Volume: csi.VolumeRef{ID: v.ID}})
			return err
		},
		func() error {
			_, err := b.RestoreVolume(contextBackground, csi.SnapshotRef{ID: v.ID[:3] + hashOf("s")}, spec("r", 0))
			return err
		},
		func() error { return b.DeleteSnapshot(contextBackground, csi.SnapshotRef{ID: v.ID[:3] + hashOf("s")}) },
		func() error {
			return b.DeleteVolume(contextBackground, csi.VolumeRef{ID: v.ID[:3] + hashOf("r")})
		},
		func() error { return b.CreateEphemeral(contextBackground, csi.NodeVolume{ID: "e", Ephemeral: true}) },
		func() error { return b.DeleteEphemeral(contextBackground, csi.NodeVolume{ID: "e"}) },
		func() error { return b.DeleteVolume(contextBackground, csi.VolumeRef{ID: v.ID}) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// consistent checks what must hold after a kill at any moment: what is listed
// is complete, another process can go on, and in the end nothing is left.
func consistent(t *testing.T, pool, when string) {
	t.Helper()
	b := open(t, pool, func(o *local.Options) { o.Overcommit = 100 })
	require.NoError(t, b.Probe(t.Context()), when)
	for v, err := range b.ListVolumes(t.Context(), csi.ListQuery{}) {
		require.NoError(t, err, when)
		info, err := os.Stat(image(pool, "volumes", v.ID))
		require.NoError(t, err, when)
		require.GreaterOrEqual(t, v.Size, info.Size(), when)
		require.NotZero(t, info.Size(), when)
		require.LessOrEqual(t, len(devices(t, image(pool, "volumes", v.ID))), 1, when)
	}
	for s, err := range b.ListSnapshots(t.Context(), csi.ListQuery{}) {
		require.NoError(t, err, when)
		info, err := os.Stat(image(pool, "snapshots", s.ID))
		require.NoError(t, err, when)
		require.Equal(t, s.Size, info.Size(), when)
	}
	v, err := b.CreateVolume(t.Context(), spec("v", 2*mib))
	require.NoError(t, err, when)
	require.NoError(t, b.Release(t.Context(), csi.NodeVolume{ID: v.ID}), when)
	require.NoError(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: v.ID}), when)
	require.NoError(t, life(b), when)
	require.Empty(t, tree(t, pool), when)
}

func TestKill_AtRandomMoments(t *testing.T) {
	pool := newPool(t, "", 0)
	for range 12 {
		cmd := child(t, pool, "life")
		require.NoError(t, cmd.Start())
		wait := time.Duration(rand.IntN(120)) * time.Millisecond
		killer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killer.Stop()
		consistent(t, pool, fmt.Sprintf("killed after %v", wait))
	}
}

func TestProbe_ThawsWhatAKilledProcessLeftFrozen(t *testing.T) {
	pool := newPool(t, "", 0)
	b := open(t, pool)
	v := create(t, b, "v", 32*mib)
	dir := stage(t, b, v.ID, "ext4", "ext4")
	record := filepath.Join(pool, "frozen", filepath.Base(v.ID))
	require.NoError(t, os.Mkdir(filepath.Dir(record), 0o700))
	require.NoError(t, os.WriteFile(record, nil, 0o600))
	run(t, "fsfreeze", "--freeze", dir)
	t.Cleanup(func() { _ = exec.Command("fsfreeze", "--unfreeze", dir).Run() })

	unlock, err := namelock.File(filepath.Join(pool, "lock")).TryLock("frozen/"+filepath.Base(v.ID), namelock.Exclusive)
	require.NoError(t, err)
	require.NoError(t, b.Probe(t.Context()))
	require.FileExists(t, record, "a process that is alive is copying")
	unlock()
	require.NoError(t, b.Probe(t.Context()))
	require.NoFileExists(t, record)
	fill(t, filepath.Join(dir, "data"), mib, 1) // hangs if it is frozen

	for _, name := range []string{strings.Repeat("0", 32), filepath.Base(v.ID)} { // a volume that is gone, one that is not frozen
		require.NoError(t, os.WriteFile(filepath.Join(pool, "frozen", name), nil, 0o600))
	}
	require.NoError(t, b.Probe(t.Context()))
	require.Equal(t, []string{"volumes/" + filepath.Base(v.ID)}, tree(t, pool))
}
