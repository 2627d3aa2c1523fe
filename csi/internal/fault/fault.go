// Package fault is the one seam at which the servers call a backend, where
// tests inject faults. Only packages below csi can reach it.
package fault

import (
	"context"
	"sync/atomic"
)

// A Hook is asked around every call of a backend. It may wait, return an error
// instead of the call (before), or replace the call's error (after).
type Hook interface {
	Before(ctx context.Context, call, id string) error
	After(ctx context.Context, call, id string, err error) error
}

// A Point is where a driver asks its hook. The zero Point has none.
type Point struct{ hook atomic.Pointer[Hook] }

// Set installs h, or removes the hook if h is nil.
func (p *Point) Set(h Hook) {
	if h == nil {
		p.hook.Store(nil)
		return
	}
	p.hook.Store(&h)
}

// Before asks the hook before a call.
func (p *Point) Before(ctx context.Context, call, id string) error {
	if h := p.hook.Load(); h != nil {
		return (*h).Before(ctx, call, id)
	}
	return nil
}

// After asks the hook after a call.
func (p *Point) After(ctx context.Context, call, id string, err error) error {
	if h := p.hook.Load(); h != nil {
		return (*h).After(ctx, call, id, err)
	}
	return err
}

// Access is what only packages that may import this one can name: a method
// that takes it is out of reach for everybody else.
type Access struct{}
