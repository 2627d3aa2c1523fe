package ebs

import (
	"context"
	"sync"
	"time"
)

// A bucket limits the rate of calls of one API, as EC2 does, so that few calls
// are refused. It starts with EC2's documented defaults and learns: the rate
// falls when EC2 throttles and grows while calls wait and EC2 does not. Callers
// are served in the order in which they came, until their context ends.
type bucket struct {
	turn chan struct{} // held by the caller who is next; the runtime queues the others in order

	mu           sync.Mutex
	tokens, rate float64
	burst, floor float64
	seen, cut    time.Time
	throttled    bool // ever: then it grows slowly
}

const (
	quickGrowth = 0.1  // of the rate, each second, until the first throttle
	slowGrowth  = 0.01 // after it
	backOff     = 0.75
	// oneCut is how long answers of calls that were under way together count
	// as one throttle.
	oneCut = 300 * time.Millisecond
)

func newBucket(burst, rate float64) *bucket {
	return &bucket{turn: make(chan struct{}, 1), tokens: burst, burst: burst, rate: rate, floor: rate / 10}
}

// take waits for a token.
func (b *bucket) take(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		wait := b.reserve(time.Now())
		if wait == 0 {
			return context.Cause(ctx)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// reserve takes a token, or returns how long to wait for one.
func (b *bucket) reserve(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.seen.IsZero() {
		passed := now.Sub(b.seen).Seconds()
		if b.tokens < 1 { // somebody waits
			growth := quickGrowth
			if b.throttled {
				growth = slowGrowth
			}
			b.rate += b.rate * growth * passed
		}
		b.tokens = min(b.burst, b.tokens+b.rate*passed)
	}
	b.seen = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return max(time.Millisecond, time.Duration((1-b.tokens)/b.rate*float64(time.Second)))
}

// refused tells that EC2 throttled a call.
func (b *bucket) refused(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens, 0)
	if now.Sub(b.cut) > oneCut {
		b.rate, b.cut, b.throttled = max(b.floor, b.rate*backOff), now, true
	}
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
