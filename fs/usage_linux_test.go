package fs

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestUsageOf(t *testing.T) {
	u := usage(unix.Statfs_t{Bsize: 1 << 20, Frsize: 4096, Blocks: 100, Bfree: 40, Bavail: 30, Files: 20, Ffree: 5})
	require.Equal(t, Usage{Bytes: 100 * 4096, UsedBytes: 60 * 4096, AvailableBytes: 30 * 4096, Inodes: 20, UsedInodes: 15, FreeInodes: 5}, u)

	g := &Gauge{}
	u, err := g.Usage(t.Context(), t.TempDir())
	require.NoError(t, err)
	require.Positive(t, u.Bytes)
	require.GreaterOrEqual(t, u.Bytes, u.UsedBytes+u.AvailableBytes)
	_, err = g.Usage(t.Context(), "/no/such/path")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, g.Close(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = UsageOf(ctx, "/")
	require.ErrorIs(t, err, context.Canceled)
}
