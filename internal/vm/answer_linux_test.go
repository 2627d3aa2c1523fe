package vm

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// hasty is a deadline that an RPC on a dead device is answered by, with slack
	// for the answer to arrive.
	hasty = 8 * time.Second
	slack = 4 * time.Second
)

// answers runs an RPC with a short deadline: R14, it returns by then whatever
// the device does. Its error is returned. What an emulated machine does while it
// gets no processor says nothing: then the RPC is sent again.
func (n *node) answers(what string, rpc func(context.Context) error) error {
	n.Helper()
	for again := 10; ; again-- {
		stall := watchStall()
		ctx, cancel := context.WithTimeout(n.Context(), hasty)
		began := time.Now()
		err := rpc(ctx)
		took := time.Since(began)
		cancel()
		stood := stall()
		n.Logf("%s: answered after %v: %v", what, took.Round(time.Millisecond), err)
		if again > 0 && stood > hasty/16 && (took >= hasty || status.Code(err) == codes.DeadlineExceeded) {
			n.Logf("%s: the machine stood still for %v meanwhile: once more", what, stood.Round(time.Millisecond))
			continue
		}
		require.Less(n, took, hasty+slack, what)
		require.NotEqual(n, codes.DeadlineExceeded, status.Code(err), "%s: the server gave no answer of its own: %v", what, err)
		return err
	}
}

// watchStall measures how late a timer is, all in all, until the function that it
// returns is called.
func watchStall() (stop func() time.Duration) {
	const tick = 20 * time.Millisecond
	done, ended := make(chan struct{}), make(chan time.Duration)
	go func() {
		var late time.Duration
		for {
			before := time.Now()
			select {
			case <-done:
				ended <- late
				return
			case <-time.After(tick):
				late += time.Since(before) - tick
			}
		}
	}()
	return func() time.Duration { close(done); return <-ended }
}
