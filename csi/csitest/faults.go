package csitest

import (
	"context"
	"sync"

	"github.com/csikit/csikit/csi/internal/fault"
)

var _ fault.Hook = (*faults)(nil)

// faults is the hook around every call of the backend. The zero value counts
// calls and injects nothing.
type faults struct {
	mu     sync.Mutex
	before func(ctx context.Context, call, id string) error
	after  func(ctx context.Context, call, id string, err error) error
	calls  []string
}

// Before implements [fault.Hook].
func (f *faults) Before(ctx context.Context, call, id string) error {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	hook := f.before
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx, call, id)
}

// After implements [fault.Hook].
func (f *faults) After(ctx context.Context, call, id string, err error) error {
	f.mu.Lock()
	hook := f.after
	f.mu.Unlock()
	if hook == nil {
		return err
	}
	return hook(ctx, call, id, err)
}

// setBefore asks hook before every call from now on.
func (f *faults) setBefore(hook func(ctx context.Context, call, id string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = hook
}

// setAfter asks hook after every call from now on.
func (f *faults) setAfter(hook func(ctx context.Context, call, id string, err error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = hook
}

// reset injects nothing any more and forgets the calls.
func (f *faults) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.calls = nil, nil, nil
}

// made returns the calls since the last reset.
func (f *faults) made() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}
