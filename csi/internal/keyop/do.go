package keyop

import (
	"context"
	"fmt"
	"time"
)

// maxMargin bounds [Margin].
const maxMargin = 500 * time.Millisecond

// Margin is how long before its deadline a caller stops waiting, given how
// much time it had when it came: a quarter of it, at most 500 milliseconds. It
// is what the answer needs to get back before the client has left.
func Margin(had time.Duration) time.Duration { return min(maxMargin, had/4) }

// Do runs an operation, or joins one of the same identity, and waits for its
// result until shortly before ctx's deadline; it then returns a [BusyError].
// When ctx is cancelled, it returns an error that wraps ctx's. In both cases
// an operation that runs continues.
func Do[T any](ctx context.Context, t *Table, op Op, run func(Contexts) (T, error)) (T, error) {
	result, err := t.do(ctx, op, func(c Contexts) (any, error) { return run(c) })
	value, ok := result.(T)
	if !ok && result != nil {
		return value, fmt.Errorf("keyop: %s has joined an operation whose result is a %T, not a %T", op.title(), result, value)
	}
	return value, err
}

func (t *Table) do(ctx context.Context, op Op, run func(Contexts) (any, error)) (any, error) {
	patience := newPatience(ctx)
	defer patience.stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s was not started: %w", op.title(), err)
		}
		o, late, err := t.enter(ctx, op, run)
		if err != nil {
			return nil, err
		}
		select {
		case <-o.done:
		case <-patience.up:
			return t.leave(o, op, nil)
		case <-ctx.Done():
			return t.leave(o, op, ctx.Err())
		}
		// An operation whose contexts had ended before this caller came may
		// have failed for that reason alone: its failure is not shared.
		if !late || o.err == nil {
			return o.result, o.err
		}
	}
}

// enter joins or adds an operation, after it has cancelled what op negates.
// late says that the operation joined is running with an ended context.
func (t *Table) enter(ctx context.Context, op Op, run func(Contexts) (any, error)) (o *operation, late bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, false, fmt.Errorf("%s: %w", op.title(), ErrShutdown)
	}
	t.cancelTagged(&op)
	o = t.identities[op.Identity]
	if op.Identity == "" || o == nil {
		return t.add(ctx, op, run), false, nil
	}
	return o, t.join(ctx, o, op.Request), nil
}

// join adds a caller to o. t.mu is held.
func (t *Table) join(ctx context.Context, o *operation, request string) (late bool) {
	t.stats.Joined++
	o.callers++
	o.addRequest(request)
	if o.op == nil {
		o.joins = append(o.joins, ctx)
		return false
	}
	t.joined(o.op, ctx)
	return o.abandoned || o.op.Err() != nil
}

// leave makes the caller leave an operation. The error says why: cause if its
// context has ended, else what is in the way.
func (t *Table) leave(o *operation, op Op, cause error) (any, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, here := t.operations[o]; !here {
		return o.result, o.err
	}
	busy := t.busy(o, &op)
	t.left(o)
	if cause != nil {
		return nil, fmt.Errorf("the caller of %s has left: %w", op.title(), cause)
	}
	return nil, busy
}

// left counts one caller less. What waits without callers never starts. t.mu
// is held.
func (t *Table) left(o *operation) {
	o.callers--
	switch {
	case o.callers > 0:
	case o.started.IsZero():
		t.finish(o, nil, errAbandoned)
	default:
		o.abandoned = true
		if o.leave != nil {
			o.leave(errAbandoned)
		}
	}
}

// busy describes what the caller of o waited for. t.mu is held.
func (t *Table) busy(o *operation, op *Op) error {
	h := t.holder(o)
	return &BusyError{RPC: op.RPC, ID: op.ID, Holder: h.info(), Self: h == o, Age: time.Since(h.started)}
}

// holder returns the running operation that o waits for in the end, or o
// itself if it runs. Whoever is first in a queue came before o, so this ends.
// t.mu is held.
func (t *Table) holder(o *operation) *operation {
	if !o.started.IsZero() {
		return o
	}
	for _, k := range o.keys {
		if q := t.queues[k.Name]; q != nil && q.blocks(o) {
			return t.holder(q.tickets[0].o)
		}
	}
	return o
}

// patience is the time until a caller gives up; none without a deadline.
type patience struct {
	up    <-chan time.Time
	timer *time.Timer
}

func newPatience(ctx context.Context) patience {
	deadline, ok := ctx.Deadline()
	if !ok {
		return patience{}
	}
	had := time.Until(deadline)
	timer := time.NewTimer(had - Margin(had))
	return patience{timer.C, timer}
}

func (p patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
