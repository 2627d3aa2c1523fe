package pace

import (
	"context"
	"sync"
	"time"
)

// A Bucket limits the rate of calls of one API, as clouds do, so that few calls
// are refused. It starts with the limits that are documented and learns: the
// rate falls when calls are refused, and grows while callers wait and none is.
// All methods may be called from any goroutine.
type Bucket struct {
	turn chan struct{} // held by the caller who is next; the runtime queues the others in order

	mu           sync.Mutex
	tokens, rate float64
	burst, floor float64
	seen, cut    time.Time
	refused      bool // ever: then it grows slowly
}

const (
	quickGrowth = 0.5  // of the rate, each second, until the first refusal
	slowGrowth  = 0.01 // after it
	backOff     = 0.75
	// oneCut is how long refusals of calls that were under way together count
	// as one.
	oneCut = 300 * time.Millisecond
	// lowest is the least rate, as part of the first one.
	lowest = 0.1
)

// NewBucket makes a bucket that allows burst calls at once and rate more each
// second, to begin with.
func NewBucket(burst, rate float64) *Bucket {
	return &Bucket{turn: make(chan struct{}, 1), tokens: burst, burst: burst, rate: rate, floor: rate * lowest}
}

// Take waits until a call may be made. Callers are served in the order in which
// they came. If ctx ends first, the error is its cause.
func (b *Bucket) Take(ctx context.Context) error {
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
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// reserve takes a token, or returns how long to wait for one.
func (b *Bucket) reserve(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.seen.IsZero() {
		passed := now.Sub(b.seen).Seconds()
		if b.tokens < 1 { // somebody waits
			growth := quickGrowth
			if b.refused {
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

// Refused tells that the cloud refused a call because of its rate.
func (b *Bucket) Refused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens, 0)
	if now := time.Now(); now.Sub(b.cut) > oneCut {
		b.rate, b.cut, b.refused = max(b.floor, b.rate*backOff), now, true
	}
}
