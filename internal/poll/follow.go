package poll

import (
	"context"
	"math"
	"time"
)

const (
	// longestAlone is the time between two looks of one who waits alone, for
	// at most patience; from then on it is a part of the time waited.
	longestAlone, patience, impatience = 100 * time.Millisecond, 20 * time.Second, 200
	// firstAlone is when one who waits alone looks first, if nothing is known,
	// and soonest when the change is known to be quick.
	firstAlone, soonest = 25 * time.Millisecond, 5 * time.Millisecond
	// longest is the longest time between two looks.
	longest = 2 * time.Second
	// crowded is the number of those who wait that is a crowd, and large that
	// of one which does not look early when nothing is known.
	crowded, large = 100, 50
	// perHead is the time that it takes to begin one change of a crowd.
	perHead = 5 * time.Millisecond
)

// A Begin begins a change and names the thing that changes. It reports whether
// it did: if not, somebody has done so before.
type Begin func(ctx context.Context) (key string, begun bool, err error)

// A Look is shown a thing, or that it is not there. It is called again and again
// until the change is done, or fails.
type Look[T any] func(thing T, found bool) (done bool, err error)

// Follow begins a change and looks until it is made. If begin or look fail, so
// does Follow. times learns how long such changes take. If ctx ends, the error is
// its cause, and the change goes on.
func (p *Poller[T]) Follow(ctx context.Context, times *Times, begin Begin, look Look[T]) error {
	leave := p.join()
	defer leave()
	key, begun, err := begin(ctx)
	if err != nil {
		return err
	}
	w := &wait{begun: time.Now(), leave: leave}
	if begun {
		w.times = times
		w.low, w.high, w.known = times.expect()
	}
	return p.look(ctx, key, w, look)
}

// Watch is Follow of a change that somebody else has begun: it looks at once.
func (p *Poller[T]) Watch(ctx context.Context, key string, look Look[T]) error {
	return p.Follow(ctx, nil, func(context.Context) (string, bool, error) { return key, false, nil }, look)
}

func (p *Poller[T]) look(ctx context.Context, key string, w *wait, look Look[T]) error {
	due := func() time.Time {
		w.crowd = max(w.crowd, int(p.crowd.Load()))
		return w.due()
	}
	for {
		a := &ask[T]{key: key, due: due}
		if w.times == nil && w.looked.IsZero() {
			a.due = nil
		}
		seen := p.ask(ctx, a)
		if seen.err != nil {
			return seen.err
		}
		now := time.Now()
		done, err := look(seen.thing, seen.found)
		if done && w.times != nil {
			w.times.took(w.looked.Sub(w.begun), now.Sub(w.begun))
		}
		if done || err != nil {
			return err
		}
		w.looked = now
		if now.Sub(w.begun) > patience {
			w.leave() // what is stuck does not make others wait
		}
	}
}

// A wait is one who waits for a change.
type wait struct {
	times     *Times // nil: somebody else has begun it
	low, high time.Duration
	known     bool   // low and high are learned
	leave     func() // the crowd
	begun     time.Time
	looked    time.Time // last; zero if never
	crowd     int       // the largest that it was part of: so its tail does not look more often
}

// due is when to look next.
func (w *wait) due() time.Time {
	if w.crowd > 1 {
		return w.dueInCrowd()
	}
	if w.looked.IsZero() {
		return w.begun.Add(w.firstLook())
	}
	waited := w.looked.Sub(w.begun)
	gap := min(max(waited/2, w.firstLook()), longestAlone)
	if waited > patience {
		gap = min(waited/impatience, longest)
	}
	return w.looked.Add(gap)
}

func (w *wait) firstLook() time.Duration {
	if !w.known {
		return firstAlone
	}
	return min(max(w.low/2, soonest), longestAlone)
}

// dueInCrowd is when to look next in a crowd: two times in all between the first
// change to be expected and the last, of a hundred or more; fewer take a smaller
// part. If nothing is known, one look tells whether changes are quick, but for a
// large crowd, which would look once more than it may.
func (w *wait) dueInCrowd() time.Time {
	share := math.Sqrt(min(1, float64(w.crowd-1)/(crowded-1)))
	spread := time.Duration(w.crowd) * perHead
	gap := max(spread, (w.high-w.low+spread)/2)
	gap = min(max(time.Duration(float64(gap)*share), longestAlone), longest)
	switch first := w.begun.Add(w.low); {
	case w.looked.IsZero() && !w.known && w.crowd < large:
		return w.begun.Add(min(max(spread, longestAlone), longest))
	case w.looked.Before(first): // or never
		return first.Add(gap)
	default:
		if waited := w.looked.Sub(w.begun); waited > patience {
			gap = max(gap, min(waited/impatience, longest))
		}
		return w.looked.Add(gap)
	}
}
