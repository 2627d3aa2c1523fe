package vm

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// R14: a device that takes a quarter of a second for each request delays its own
// volume only, every RPC is answered by its deadline, and the work goes on until
// a retry finds it done.
func TestR14_ASlowDevice(t *testing.T) {
	needTarget(t, "delay")
	n := newNode(t, "slow")
	m, other := newMapping(t, 64*mib), newMapping(t, 64*mib)
	n.place("a", m.device())
	n.place("b", other.device())
	stage := func(ctx context.Context) error { return n.stage(ctx, "a", "ext4") }
	m.target("delay", "%s 0 250")
	require.Equal(t, codes.Aborted, status.Code(n.answers("stage", stage)), "it takes longer than that")
	began := time.Now()
	n.cycle("b", "ext4")
	took := time.Since(began)
	require.Len(t, n.driver.Operations(), 1, "the stage must still run, or this test proves nothing")
	t.Logf("measured: another volume's whole cycle took %v beside a slow stage", took.Round(time.Millisecond))
	require.Eventually(t, func() bool { return n.answers("stage again", stage) == nil }, patient, 10*time.Millisecond)
	require.Equal(t, 1, n.log.count("msg=formatting id=a"), "the retries joined the stage that ran")
	n.must("statistics", func(ctx context.Context) error { _, err := n.stats(ctx, "a", n.staging("a")); return err })
	m.heal()
	n.must("unstage", func(ctx context.Context) error { return n.unstage(ctx, "a") })
	require.NoError(t, exclusive(t, m))
}
