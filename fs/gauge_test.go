package fs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A mount that does not answer holds one thread, however many ask.
func TestR14_HungMountHoldsOneThread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var calls atomic.Int32
		g := &Gauge{measure: func(context.Context, string) (Usage, error) {
			calls.Add(1)
			<-answer
			return Usage{Bytes: 7}, nil
		}}
		for range 20 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("kubelet has waited long enough"))
			start := time.Now()
			_, err := g.Usage(ctx, "/dead")
			require.ErrorContains(t, err, "kubelet has waited long enough")
			require.Equal(t, time.Second, time.Since(start))
			cancel()
		}
		require.EqualValues(t, 1, calls.Load())

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		require.ErrorContains(t, g.Close(short), "/dead")
		cancel()
		close(answer)
		require.NoError(t, g.Close(t.Context()))
		_, err := g.Usage(t.Context(), "/dead")
		require.ErrorContains(t, err, "closed")
	})
}

func TestR14_LaterCallersJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var calls atomic.Int32
		g := &Gauge{measure: func(ctx context.Context, path string) (Usage, error) {
			calls.Add(1)
			<-answer
			return Usage{Bytes: 7}, ctx.Err()
		}}
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				u, err := g.Usage(t.Context(), "/slow")
				require.NoError(t, err)
				require.Equal(t, int64(7), u.Bytes)
			})
		}
		wg.Go(func() {
			_, err := g.Usage(first, "/slow")
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(answer)
		wg.Wait()
		require.EqualValues(t, 1, calls.Load())
		_, err := g.Usage(first, "/slow")
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, g.Close(t.Context()))
	})
}
