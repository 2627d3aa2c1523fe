package poll

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// remembered is how many durations are remembered.
const remembered = 16

// Times are how long the changes of one kind took. All methods may be called
// from any goroutine.
type Times struct {
	low, high time.Duration // before any is known

	mu   sync.Mutex
	seen []time.Duration
}

// NewTimes makes Times of changes that usually take between low and high. That
// counts until one was seen.
func NewTimes(low, high time.Duration) *Times { return &Times{low: low, high: high} }

// took remembers a change that was seen to be made between two looks: in the
// middle. It replaces any of the others, so that a crowd whose slow ones come
// last is remembered as what it was.
func (t *Times) took(after, by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := (max(after, 0) + by) / 2
	if len(t.seen) < remembered {
		t.seen = append(t.seen, d)
	} else {
		t.seen[rand.N(remembered)] = d
	}
}

// expect returns between which durations changes are to be expected, and whether
// that is learned. The shortest and the longest that are remembered are left out
// if there are many: they may be odd.
func (t *Times) expect() (low, high time.Duration, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seen) == 0 {
		return t.low, t.high, false
	}
	sorted := slices.Sorted(slices.Values(t.seen))
	odd := len(sorted) / remembered
	return sorted[odd], sorted[len(sorted)-1-odd], true
}
