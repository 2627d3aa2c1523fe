package ebs

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// firstPoll is the time after which one who waits alone looks again at
	// first. shortestPoll is the time between two looks at what somebody waits for,
	// longestPoll that with many who wait, or one who waits for long.
	firstPoll, shortestPoll, longestPoll = 25 * time.Millisecond, 100 * time.Millisecond, time.Second
	// crowd is how many who wait make the cadence slower.
	crowd = 10
	// patience is how long a wait is looked at in the shortest cadence.
	patience = 20 * time.Second
	// mostValues is how many values a filter of EC2 takes.
	mostValues = 200
)

// A finder reads things of one kind for all who ask, and polls for all who wait
// for a change. One call is under way at a time: what is asked for meanwhile
// goes together in the next one. A call that is idle goes out at once.
//
// Things are found by filters, so that one unknown id is no error of the whole
// call: what is not found is missing in the answer.
type finder[T any] struct {
	fetch func(ctx context.Context, keys []string) (map[string]T, error)
	life  context.Context // of the backend
	group *sync.WaitGroup

	mu      sync.Mutex
	asks    []*ask[T]
	running bool
	wake    chan struct{}
	batch   int // size of the last one
}

// An ask is one who wants to see key, at due or before.
type ask[T any] struct {
	key    string
	due    time.Time
	answer chan sight[T]
}

// A sight is what was seen: the thing, or that it is not there.
type sight[T any] struct {
	thing T
	found bool
	err   error
}

func newFinder[T any](b *Backend, fetch func(context.Context, []string) (map[string]T, error)) *finder[T] {
	return &finder[T]{fetch: fetch, life: b.life, group: &b.group, wake: make(chan struct{}, 1)}
}

// get reads key once.
func (f *finder[T]) get(ctx context.Context, key string) (thing T, found bool, err error) {
	err = f.watch(ctx, key, 0, func(got T, there bool) (bool, error) {
		thing, found = got, there
		return true, nil
	})
	return thing, found, err
}

// find reads key, again and again for as long as it is missing, but not longer
// than lag: EC2's reads may be behind its writes.
func (f *finder[T]) find(ctx context.Context, key string, lag time.Duration) (thing T, found bool, err error) {
	start, after := time.Now(), time.Duration(0)
	for {
		seen := f.ask(ctx, key, after)
		rest := lag - time.Since(start)
		if seen.err != nil || seen.found || rest <= 0 {
			return seen.thing, seen.found, seen.err
		}
		after = min(rest, max(shortestPoll, lag/5))
	}
}

// watch shows key to look, first after the time given and then again and again,
// until look says that it is done, or fails. If ctx ends, the error is its cause.
func (f *finder[T]) watch(ctx context.Context, key string, after time.Duration, look func(thing T, found bool) (done bool, err error)) error {
	for start := time.Now(); ; {
		seen := f.ask(ctx, key, after)
		if seen.err != nil {
			return seen.err
		}
		if done, err := look(seen.thing, seen.found); done || err != nil {
			return err
		}
		after = f.cadence(time.Since(start))
	}
}

// cadence is when to look again.
func (f *finder[T]) cadence(waited time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	alone := min(max(firstPoll, waited/2), shortestPoll)
	many := shortestPoll * time.Duration(f.batch-1) / crowd
	long := (waited - patience) / 20
	return min(max(alone, many, long), longestPoll)
}

func (f *finder[T]) ask(ctx context.Context, key string, after time.Duration) sight[T] {
	a := &ask[T]{key: key, due: time.Now().Add(after), answer: make(chan sight[T], 1)}
	f.mu.Lock()
	f.asks = append(f.asks, a)
	if !f.running {
		f.running = true
		f.group.Go(f.run)
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	select {
	case seen := <-a.answer:
		return seen
	case <-ctx.Done():
	case <-f.life.Done():
	}
	f.mu.Lock()
	f.asks = slices.DeleteFunc(f.asks, func(other *ask[T]) bool { return other == a })
	f.mu.Unlock()
	return sight[T]{err: cmpCause(ctx, f.life)}
}

// cmpCause is the cause of the one of two contexts that has ended.
func cmpCause(ctx, life context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return context.Cause(life)
}

// run makes calls for as long as somebody asks.
func (f *finder[T]) run() {
	for {
		batch, wait, more := f.next(time.Now())
		switch {
		case !more:
			return
		case len(batch) > 0:
			f.serve(batch)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-f.wake:
		case <-f.life.Done():
		}
		t.Stop()
	}
}

// next returns whom the next call serves: if somebody is due, all who ask, up to
// what fits in one call, or how long to wait. It ends the run if nobody asks.
func (f *finder[T]) next(now time.Time) (batch []*ask[T], wait time.Duration, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asks) == 0 || f.life.Err() != nil {
		f.running = false
		return nil, 0, false
	}
	slices.SortStableFunc(f.asks, func(a, b *ask[T]) int { return a.due.Compare(b.due) })
	if wait = f.asks[0].due.Sub(now); wait > 0 {
		return nil, wait, true
	}
	keys := map[string]bool{}
	for len(f.asks) > 0 && (keys[f.asks[0].key] || len(keys) < mostValues) {
		keys[f.asks[0].key] = true
		batch, f.asks = append(batch, f.asks[0]), f.asks[1:]
	}
	f.batch = len(batch)
	return batch, 0, true
}

func (f *finder[T]) serve(batch []*ask[T]) {
	var keys []string
	for _, a := range batch {
		keys = append(keys, a.key)
	}
	slices.Sort(keys)
	things, err := f.fetch(f.life, slices.Compact(keys))
	for _, a := range batch {
		thing, found := things[a.key]
		a.answer <- sight[T]{thing, found, err}
	}
}
