package recent_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/internal/recent"
)

func TestValue_ReadByOneForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, fails := 0, true
		v := recent.New(time.Hour, func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			reads++
			if fails {
				return 0, errors.New("no answer")
			}
			return reads, nil
		})
		_, err := v.Get(t.Context())
		require.ErrorContains(t, err, "no answer")

		fails = false
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				got, err := v.Get(t.Context())
				require.NoError(t, err)
				require.Equal(t, 2, got)
			})
		}
		group.Wait()
		time.Sleep(time.Hour)
		got, err := v.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, got, "it had become old")
	})
}

// TestValue_NobodyWaitsLongerThanItsContext, whoever reads.
func TestValue_NobodyWaitsLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := recent.New(time.Hour, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		slow, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _, _ = v.Get(slow) })
		synctest.Wait()
		quick, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := v.Get(quick)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		stop()
		group.Wait()
	})
}
