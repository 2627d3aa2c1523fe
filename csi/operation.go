package csi

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// An Operation describes a running or waiting operation, for people: see
// [Driver.Operations].
type Operation struct {
	// RPC and ID say what is done to which volume or snapshot.
	RPC, ID string
	// Keys are what the operation excludes others from, in words.
	Keys []string
	// Requests are the ids of RPCs that asked for it: the first one, and
	// the latest of those that joined.
	Requests []string
	// Callers is how many RPCs wait for its result now.
	Callers int
	// Waiting says that it waits for its turn.
	Waiting bool
	// Cancelled names the RPC that cancelled it; it has not returned yet.
	Cancelled string
	// Arrived is when it was asked for, Started when it got its turn.
	Arrived, Started time.Time
}

// An OperationObserver is told of operations, which outlive the RPCs that
// start them. Package csi/tracing has one. It must return soon and must not
// call the driver.
type OperationObserver interface {
	// Start is called when the operation of an RPC gets its turn. The
	// context returned is the operation's and must be derived from op; done
	// is called when it has ended. rpc is the context of the RPC that
	// started it, and may have ended.
	Start(op, rpc context.Context, o Operation) (ctx context.Context, done func(error))
	// Join is called for every other RPC that waits for the operation's
	// result. op is derived from the context that Start returned.
	Join(op, rpc context.Context)
}

// OperationStats are counters of operations since the driver was made, and two
// gauges.
type OperationStats struct {
	// Started counts operations that ran, Joined the RPCs that shared the
	// operation of another one.
	Started, Joined uint64
	// Waited counts operations that had to wait for their turn, and
	// WaitTime is how long they did in all.
	Waited   uint64
	WaitTime time.Duration
	// Running and Waiting are how many there are now.
	Running, Waiting int
}

// Operations returns the operations that run or wait, in order of arrival.
func (d *Driver) Operations() []Operation {
	list := d.operations.Snapshot()
	out := make([]Operation, len(list))
	for i, info := range list {
		out[i] = operationOf(info)
	}
	return out
}

// OperationStats returns the counters of operations.
func (d *Driver) OperationStats() OperationStats { return OperationStats(d.operations.Stats()) }

func operationOf(i keyop.Info) Operation {
	o := Operation{
		RPC: i.RPC, ID: i.ID, Requests: i.Requests, Callers: i.Callers, Waiting: i.Waiting(),
		Cancelled: i.Cancelled, Arrived: i.Arrived, Started: i.Started,
	}
	for _, k := range i.Keys {
		name := k.Name
		if k.Shared {
			name += " (shared)"
		}
		o.Keys = append(o.Keys, name)
	}
	return o
}

// operate runs f as an operation with keys (contract rulings 8 to 13).
func operate[T any](ctx context.Context, d *Driver, op keyop.Op, f func(keyop.Contexts) (T, error)) (T, error) {
	if op.Timeout == 0 {
		op.Timeout = d.opts.OperationTimeout
	}
	op.Request = requestID(ctx)
	return keyop.Do(ctx, d.operations, op, f)
}

// operationHooks log operations and tell the observer.
func (d *Driver) operationHooks() keyop.Hooks {
	h := keyop.Hooks{Start: d.operationStarts, Panic: d.operationPanics, Error: hidden}
	if d.opts.Observer != nil {
		h.Join = d.opts.Observer.Join
	}
	return h
}

func (d *Driver) operationStarts(op, rpc context.Context, i keyop.Info) (context.Context, func(keyop.Info, error)) {
	ended := func(error) {}
	if d.opts.Observer != nil {
		op, ended = d.opts.Observer.Start(op, rpc, operationOf(i))
	}
	return op, func(i keyop.Info, err error) {
		ended(err)
		d.logOperation(op, i, err)
	}
}

// logOperation writes one line per operation: at Debug if an RPC gets its
// result and logs it, else at Info or Warn, since nobody else will.
func (d *Driver) logOperation(ctx context.Context, i keyop.Info, err error) {
	level := slog.LevelDebug
	switch {
	case i.Callers > 0:
	case err != nil:
		level = slog.LevelWarn
	default:
		level = slog.LevelInfo
	}
	if !d.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("rpc", i.RPC), slog.String("id", i.ID), slog.Duration("duration", time.Since(i.Started)),
		slog.Duration("waited", i.Started.Sub(i.Arrived)), slog.Any("request_ids", i.Requests), slog.Int("callers", i.Callers),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	d.log.LogAttrs(ctx, level, "operation", attrs...)
}

func (d *Driver) operationPanics(ctx context.Context, i keyop.Info, p any, stack []byte) {
	d.log.ErrorContext(ctx, "panic", "rpc", i.RPC, "id", i.ID, "request_ids", i.Requests,
		"panic", hide(ctx, fmt.Sprint(p)), "stack", string(stack))
}
