package vm

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/fs"
)

// failWrites makes writes fail, or vanish, while reads go on.
func (m *mapping) failWrites(how string) {
	m.t.Helper()
	needTarget(m.t, "flakey")
	m.target("flakey", "%s 0 0 1 1 "+how)
}

// R9: a format whose writes fail or vanish is no success, and the volume can be
// formatted when the device works again.
func TestR9_WritesFailDuringAFormat(t *testing.T) {
	for _, how := range []string{"error_writes", "drop_writes"} {
		for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
			t.Run(how+" "+fstype, func(t *testing.T) {
				n := newNode(t, "flakey")
				m := newMapping(t, 320*mib)
				n.place("a", m.device())
				stage := func(ctx context.Context) error { return n.stage(ctx, "a", fstype) }
				m.failWrites(how)
				code := n.refused("stage", stage)
				require.Equal(t, codes.Unavailable, code, "the outcome is unknown: the CO must retry")
				m.heal()
				n.must("stage", stage)
				n.save(n.staging("a"), "kept")
				n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
				n.must("stage", stage)
				n.saved(n.staging("a"), "kept")
				n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			})
		}
	}
}

// R11: a check that cannot write its repairs ends without a mount.
func TestR11_WritesFailDuringACheck(t *testing.T) {
	for _, how := range []string{"error_writes", "drop_writes"} {
		t.Run(how, func(t *testing.T) {
			n := newNode(t, "check")
			m := newMapping(t, 128*mib)
			n.place("a", m.device())
			stage := func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }
			n.must("stage", stage)
			n.save(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			run(t, "debugfs", "-w", "-R", "set_super_value state 2", m.path())
			run(t, "debugfs", "-w", "-R", "set_super_value free_blocks_count 7", m.path())
			d, err := fs.Open(m.path())
			require.NoError(t, err)
			c, err := d.Probe(t.Context())
			require.NoError(t, err)
			require.True(t, c.NeedsCheck, "or this test proves nothing")
			require.NoError(t, d.Close())
			m.failWrites(how)
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			err = n.stage(ctx, "a", "ext4")
			cancel()
			t.Log("stage: ", err)
			if how == "error_writes" {
				require.Error(t, err)
			}
			m.heal()
			if err == nil { // dropped writes can lie: the volume goes, and is judged by what the disk has
				n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			}
			n.must("stage", stage)
			n.saved(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			run(t, "e2fsck", "-fn", m.path())
		})
	}
}

// R13: a growth that cannot be written is an error, and is done when the device
// works again.
func TestR13_WritesFailDuringAGrowth(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			const small, large = 320 * mib, 640 * mib
			n := newNode(t, "growth")
			m := newMapping(t, large)
			whole := m.sectors
			m.sectors = small / sector
			m.heal()
			n.place("a", m.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.save(n.staging("a"), "kept")
			m.sectors = whole
			m.failWrites("error_writes")
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			err := n.expand(ctx, "a", large)
			cancel()
			t.Log("expand: ", err)
			m.heal()
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.must("expand", func(ctx context.Context) error { return n.expand(ctx, "a", large) })
			u, err := n.stats(t.Context(), "a", n.staging("a"))
			require.NoError(t, err)
			require.Greater(t, u.GetTotal(), int64(large*8/10))
			n.saved(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}

// R13: the same where the growth is a part of the stage, since the device has
// grown while it was away. The retry ends it.
func TestR13_WritesFailDuringTheGrowthOfAStage(t *testing.T) {
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			const small, large = 320 * mib, 640 * mib
			n := newNode(t, "growth")
			m := newMapping(t, large)
			whole := m.sectors
			m.sectors = small / sector
			m.heal()
			n.place("a", m.device())
			stage := func(ctx context.Context) error { return n.stage(ctx, "a", fstype) }
			unstage := func(ctx context.Context) error { return n.unstage(ctx, "a") }
			n.must("stage", stage)
			n.save(n.staging("a"), "kept")
			n.must("unstage", unstage)
			m.load(fmt.Sprintf("0 %d linear %s 0\n%d %d flakey %s %d 0 1 1 error_writes\n",
				m.sectors, m.loop, m.sectors, whole-m.sectors, m.loop, m.sectors))
			m.sectors = whole
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			err := stage(ctx)
			cancel()
			t.Log("stage: ", err)
			m.heal()
			if fstype != "btrfs" { // which writes later, and then has become read-only
				require.Equal(t, codes.Unavailable, status.Code(err), "the retry must be able to go on")
				n.must("stage again", stage)
			}
			n.must("unstage", unstage)
			n.must("stage", stage)
			u, err := n.stats(t.Context(), "a", n.staging("a"))
			require.NoError(t, err)
			require.Greater(t, u.GetTotal(), int64(large*8/10))
			n.saved(n.staging("a"), "kept")
			n.must("unstage", unstage)
		})
	}
}
