package keyop

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// shutdownGrace is how long operations that were cancelled by a shutdown may
// take to return.
const shutdownGrace = 2 * time.Second

// Shutdown takes no more operations and fails those that wait with
// [ErrShutdown]. It waits for those that run until ctx ends, then cancels
// their contexts with the cause ErrShutdown and waits two more seconds. It
// returns what is still running then.
func (t *Table) Shutdown(ctx context.Context) []Info {
	running := t.close()
	if left := awaitAll(ctx.Done(), running); len(left) > 0 {
		for _, o := range left {
			o.stop(ErrShutdown)
		}
		grace := time.NewTimer(shutdownGrace)
		defer grace.Stop()
		running = awaitAll(grace.C, left)
	} else {
		running = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return infos(running)
}

// close refuses new operations and drops those that wait. It returns those
// that run.
func (t *Table) close() []*operation {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var running []*operation
	for _, o := range slices.Backward(t.inOrder()) { // so that none lets another one start
		if o.started.IsZero() {
			t.finish(o, nil, fmt.Errorf("%s: %w", o.title(), ErrShutdown))
		} else {
			running = append(running, o)
		}
	}
	return running
}

// awaitAll waits until all are done or until up gets or closes, and returns
// those that are not done.
func awaitAll[T any](up <-chan T, list []*operation) []*operation {
	var left []*operation
	expired := false
	for _, o := range list {
		if !expired {
			select {
			case <-o.done:
				continue
			case <-up:
				expired = true
			}
		}
		select {
		case <-o.done:
		default:
			left = append(left, o)
		}
	}
	return left
}
