package csi

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// call runs one call of the backend: the seam where faults are injected,
// panics caught and errors given their context. It is the only way in which
// the servers reach a backend.
func call[T any](ctx context.Context, d *Driver, op, id string, f func(context.Context) (T, error)) (result T, err error) {
	defer func() {
		if err = d.faults.After(ctx, op, id, err); err != nil {
			err = wrap(op, id, err)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			d.log.ErrorContext(ctx, "panic", "call", op, "id", id, "request_id", requestID(ctx), "panic", hide(ctx, fmt.Sprint(p)), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in backend: %v", p)
		}
	}()
	if err = d.faults.Before(ctx, op, id); err != nil {
		return result, err
	}
	return f(ctx)
}

// do is call for methods that return only an error.
func do(ctx context.Context, d *Driver, op, id string, f func(context.Context) error) error {
	_, err := call(ctx, d, op, id, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// wrap gives err its context unless it has one of the same kind.
func wrap(op, id string, err error) error {
	var have *Error
	if errors.As(err, &have) && have.Op == op && have.ID == id {
		return err
	}
	return &Error{Op: op, ID: id, Err: err}
}
