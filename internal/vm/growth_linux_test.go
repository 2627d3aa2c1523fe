package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// R13: a mounted file system grows while a pod writes to it, at an expand and,
// if the device grew while it was away, at a stage. For ext4 that needs
// CAP_SYS_RESOURCE, which containers seldom have: nowhere else is it tested.
func TestR13_GrowsOnline(t *testing.T) {
	const small, large, huge = 320 * mib, 640 * mib, 1024 * mib
	for _, fstype := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(fstype, func(t *testing.T) {
			n := newNode(t, "online")
			m := newMapping(t, huge)
			resize := func(size int64) { m.sectors = size / sector; m.heal() }
			total := func() int64 {
				u, err := n.stats(t.Context(), "a", n.staging("a"))
				require.NoError(t, err)
				return u.GetTotal()
			}
			resize(small)
			n.place("a", m.device())
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			n.save(n.staging("a"), "kept")
			require.LessOrEqual(t, total(), int64(small))

			code := n.refused("expand before the backend has", func(ctx context.Context) error { return n.expand(ctx, "a", large) })
			require.Equal(t, codes.Unavailable, code, "not FAILED_PRECONDITION, which ends the resize for good")

			open, err := os.Create(filepath.Join(n.staging("a"), "open"))
			require.NoError(t, err)
			resize(large)
			n.must("expand", func(ctx context.Context) error { return n.expand(ctx, "a", large) })
			require.Greater(t, total(), int64(large*8/10))
			_, err = open.WriteString("the mount has been there all the time")
			require.NoError(t, err)
			require.NoError(t, open.Close())
			n.must("expand again", func(ctx context.Context) error { return n.expand(ctx, "a", large) })
			require.Equal(t, 1, n.log.count("has been resized"))
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })

			resize(huge)
			n.must("stage", func(ctx context.Context) error { return n.stage(ctx, "a", fstype) })
			require.Greater(t, total(), int64(huge*8/10))
			require.Equal(t, 2, n.log.count("has been resized"))
			n.saved(n.staging("a"), "kept")
			n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
		})
	}
}
