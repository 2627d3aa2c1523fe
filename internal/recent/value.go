package recent

import (
	"context"
	"time"
)

// A Value is read when it is first asked for, by one for all who ask, and again
// when it has become old. All methods may be called from any goroutine.
type Value[T any] struct {
	age  time.Duration
	read func(context.Context) (T, error)
	turn chan struct{} // held by the one who reads

	last T
	when time.Time
}

// New makes a Value that is good for age.
func New[T any](age time.Duration, read func(context.Context) (T, error)) *Value[T] {
	return &Value[T]{age: age, read: read, turn: make(chan struct{}, 1)}
}

// Get returns the value; who reads it must not change it. An error is that of the
// read, which the next caller tries again, or the cause of ctx's end.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
	if !v.when.IsZero() && time.Since(v.when) < v.age {
		return v.last, nil
	}
	got, err := v.read(ctx)
	if err == nil {
		v.last, v.when = got, time.Now()
	}
	return got, err
}
