package keyop

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

var errExited = errors.New("the operation's goroutine has exited")

// execute runs o to its end. It is o's goroutine; whatever happens in run, the
// keys are released.
func (t *Table) execute(ctx context.Context, o *operation) {
	defer o.stop(nil)
	ctx, release := o.limit(ctx)
	defer release()
	ctx, ended := t.began(ctx, o)
	wait, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	t.publish(o, ctx, leave)

	var result any
	err := errExited
	defer func() {
		err = t.shown(ctx, explain(ctx, err))
		ended(err)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.finish(o, result, err)
	}()
	result, err = t.protect(o, Contexts{Op: ctx, Wait: wait})
}

// limit gives ctx the operation's timeout.
func (o *operation) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Timeout <= 0 {
		return ctx, func() {}
	}
	cause := &timeoutError{o.title(), o.Timeout}
	return context.WithTimeoutCause(ctx, o.Timeout, cause)
}

// began tells the Start hook.
func (t *Table) began(ctx context.Context, o *operation) (context.Context, func(error)) {
	if t.hooks.Start == nil {
		return ctx, func(error) {}
	}
	ctx, ended := t.hooks.Start(ctx, o.rpc, t.describe(o))
	return ctx, func(err error) { ended(t.describe(o), err) }
}

// publish makes o's contexts known to callers, and makes up for what they did
// before.
func (t *Table) publish(o *operation, op context.Context, leave context.CancelCauseFunc) {
	t.mu.Lock()
	o.op, o.leave = op, leave
	joins := o.joins
	o.joins = nil
	if o.callers == 0 {
		leave(errAbandoned)
	}
	t.mu.Unlock()
	for _, rpc := range joins {
		t.joined(op, rpc)
	}
}

func (t *Table) joined(op, rpc context.Context) {
	if t.hooks.Join != nil {
		t.hooks.Join(op, rpc)
	}
}

func (t *Table) describe(o *operation) Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	return o.info()
}

// protect calls run and turns a panic into an error.
func (t *Table) protect(o *operation, c Contexts) (result any, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err = fmt.Errorf("panic in %s: %v", o.title(), p)
		if t.hooks.Panic != nil {
			t.hooks.Panic(c.Op, t.describe(o), p, debug.Stack())
		}
	}()
	return o.run(c)
}

// shown asks the Error hook.
func (t *Table) shown(op context.Context, err error) error {
	if err == nil || t.hooks.Error == nil {
		return err
	}
	return t.hooks.Error(op, err)
}

// explain adds to the error of an operation whose context has ended why that
// was so: it names the negation, the shutdown or the timeout, and so decides
// the code of an error that says no more than "killed".
func explain(op context.Context, err error) error {
	if err == nil || op.Err() == nil {
		return err
	}
	cause := context.Cause(op)
	if errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, cause)
}
