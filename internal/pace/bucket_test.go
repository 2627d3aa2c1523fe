package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// cloud is what a cloud allows: a bucket that does not learn.
type cloud struct {
	burst, rate, tokens float64
	at                  time.Time
	calls, refused      int
}

func (c *cloud) call(b *Bucket) bool {
	now := time.Now()
	if c.at.IsZero() {
		c.at, c.tokens = now, c.burst
	}
	c.tokens, c.at = min(c.burst, c.tokens+c.rate*now.Sub(c.at).Seconds()), now
	if c.calls++; c.tokens < 1 {
		c.refused++
		b.Refused()
		return false
	}
	c.tokens--
	return true
}

// TestBucket_LearnsTheRate: 300 calls, whatever the cloud allows, are made in
// about the time that the cloud takes, and few are refused.
func TestBucket_LearnsTheRate(t *testing.T) {
	for _, allowed := range []cloud{{burst: 100, rate: 5}, {burst: 50, rate: 5}, {burst: 100, rate: 2}, {burst: 200, rate: 50}} {
		synctest.Test(t, func(t *testing.T) {
			b, c, start := NewBucket(100, 5), allowed, time.Now()
			for range 300 {
				for {
					require.NoError(t, b.Take(t.Context()))
					if c.call(b) {
						break
					}
				}
			}
			least := (300 - c.burst) / c.rate
			require.LessOrEqual(t, time.Since(start).Seconds(), 1.5*least+20)
			require.Less(t, c.refused, 30, "%+v", c)
			t.Logf("%v + %v a second: %v, %d of %d calls refused", c.burst, c.rate, time.Since(start), c.refused, c.calls)
		})
	}
}

// TestBucket_InTheirOrder: nobody is overtaken.
func TestBucket_InTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(1, 1)
		require.NoError(t, b.Take(t.Context()))
		served := make(chan int, 10)
		for i := range 10 {
			go func() {
				if b.Take(t.Context()) == nil {
					served <- i
				}
			}()
			synctest.Wait() // it is in the queue before the next one comes
		}
		for i := range 10 {
			require.Equal(t, i, <-served)
		}
	})
}

// TestBucket_EndOfTheCaller: the cause is the caller's, and whoever comes next is
// not held up.
func TestBucket_EndOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBucket(1, 1)
		require.NoError(t, b.Take(t.Context()))
		gone := errors.New("the caller left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, gone)
		defer cancel()
		require.ErrorIs(t, b.Take(ctx), gone)
		require.NoError(t, b.Take(t.Context()))
	})
}
