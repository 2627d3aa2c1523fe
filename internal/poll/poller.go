package poll

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/csikit/csikit/internal/pace"
)

// A Poller reads things of one kind, each known by a key. One read is under way
// at a time. All methods may be called from any goroutine.
type Poller[T any] struct {
	*Scope
	read Read[T]
	most int

	mu      sync.Mutex
	asks    []*ask[T]
	ended   time.Time // the last read
	held    time.Time // when a read was last held back for those who ask elsewhere
	running bool
	wake    chan struct{}
}

// A Read returns the things of the keys. What is missing in its answer is not
// there: it must not fail for that, since it answers many.
type Read[T any] func(ctx context.Context, keys []string) (map[string]T, error)

// An ask is one who wants to see the thing of a key.
type ask[T any] struct {
	key    string
	due    func() time.Time // with Poller.mu held; nil: at once
	since  time.Time
	ticket int64 // of those at once
	answer chan sight[T]
}

// A sight is what was seen: the thing, or that it is not there.
type sight[T any] struct {
	thing T
	found bool
	err   error
}

// New makes a poller that reads at most so many keys at once.
func New[T any](scope *Scope, most int, read Read[T]) *Poller[T] {
	return &Poller[T]{Scope: scope, read: read, most: most, wake: make(chan struct{}, 1)}
}

// Get reads a thing once. What it returns was read after the call.
func (p *Poller[T]) Get(ctx context.Context, key string) (thing T, found bool, err error) {
	defer p.join()()
	seen := p.ask(ctx, &ask[T]{key: key})
	return seen.thing, seen.found, seen.err
}

// Find is Get, again and again while the thing is missing, for as long as reads
// may lag behind writes.
func (p *Poller[T]) Find(ctx context.Context, key string, lag time.Duration) (thing T, found bool, err error) {
	for start := time.Now(); ; {
		thing, found, err = p.Get(ctx, key)
		rest := lag - time.Since(start)
		if err != nil || found || rest <= 0 {
			return thing, found, err
		}
		if err = pace.Sleep(ctx, min(rest, max(longestAlone, lag/5))); err != nil {
			return thing, false, err
		}
	}
}

func (p *Poller[T]) ask(ctx context.Context, a *ask[T]) sight[T] {
	a.answer, a.since = make(chan sight[T], 1), time.Now()
	if a.due == nil {
		var leave func()
		a.ticket, leave = p.queue(p)
		defer leave()
	}
	p.mu.Lock()
	p.asks = append(p.asks, a)
	if !p.running {
		p.running = true
		p.group.Go(p.run)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	select {
	case seen := <-a.answer:
		return seen
	case <-ctx.Done():
	case <-p.life.Done():
	}
	p.mu.Lock()
	p.asks = slices.DeleteFunc(p.asks, func(other *ask[T]) bool { return other == a })
	p.mu.Unlock()
	if ctx.Err() != nil {
		return sight[T]{err: context.Cause(ctx)}
	}
	return sight[T]{err: context.Cause(p.life)}
}

// run reads for as long as somebody asks.
func (p *Poller[T]) run() {
	for {
		batch, wait, more := p.next(time.Now())
		switch {
		case !more:
			return
		case len(batch) > 0:
			p.serve(batch)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-p.wake:
		case <-p.life.Done():
		}
		t.Stop()
	}
}

const (
	// gather is how long a crowd may gather for each who asks already, and
	// longestGather how long at most.
	gather, longestGather = time.Millisecond, 50 * time.Millisecond
	// settle is how long those who had an answer elsewhere may take to ask
	// here, and longestHeld how long at most they are waited for.
	settle, longestHeld = 10 * time.Millisecond, time.Second
)

// next returns whom the next read serves: if somebody is due, all who ask, up to
// what fits in one read; else how long to wait. It ends the run if nobody asks.
func (p *Poller[T]) next(now time.Time) (batch []*ask[T], wait time.Duration, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asks) == 0 || p.life.Err() != nil {
		p.running = false
		return nil, 0, false
	}
	var urgent, waiting []*ask[T]
	first := time.Time{}
	for _, a := range p.asks {
		if a.due == nil {
			urgent = append(urgent, a)
			continue
		}
		waiting = append(waiting, a)
		if due := a.due(); first.IsZero() || due.Before(first) {
			first = due
		}
	}
	if len(urgent) > 0 {
		if due := p.urgentDue(now, urgent); first.IsZero() || due.Before(first) {
			first = due
		}
	}
	if wait = first.Sub(now); wait > 0 {
		return nil, wait, true
	}
	rest := append(urgent, waiting...)
	keys := map[string]bool{}
	for len(rest) > 0 && (keys[rest[0].key] || len(keys) < p.most) {
		keys[rest[0].key] = true
		batch, rest = append(batch, rest[0]), rest[1:]
	}
	p.asks = rest
	return batch, 0, true
}

// urgentDue is when to read for those who ask at once.
func (p *Poller[T]) urgentDue(now time.Time, urgent []*ask[T]) time.Time {
	window := min(time.Duration(len(urgent)-1)*gather, longestGather)
	if now.Sub(urgent[0].since) < longestHeld && p.elsewhere(p, urgent[0].ticket) {
		p.held = now
	}
	due, settled := p.ended.Add(window), p.held.Add(max(window, settle))
	if settled.After(due) {
		return settled
	}
	return due
}

func (p *Poller[T]) serve(batch []*ask[T]) {
	var keys []string
	for _, a := range batch {
		keys = append(keys, a.key)
	}
	slices.Sort(keys)
	things, err := p.read(p.life, slices.Compact(keys))
	p.mu.Lock()
	p.ended = time.Now()
	p.mu.Unlock()
	for _, a := range batch {
		thing, found := things[a.key]
		a.answer <- sight[T]{thing, found, err}
	}
}
