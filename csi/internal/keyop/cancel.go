package keyop

import (
	"fmt"
	"slices"
)

// cancelTagged cancels what op negates: what waits fails at once, what runs
// gets an ended context and is awaited through the keys. t.mu is held.
func (t *Table) cancelTagged(op *Op) {
	if len(op.Cancels) == 0 {
		return
	}
	cause := &CancelledError{RPC: op.RPC, Request: op.Request}
	// The latest first, so that none lets another one start that is to be
	// cancelled itself.
	for _, o := range slices.Backward(t.inOrder()) {
		if o.cancelled != nil || !slices.ContainsFunc(o.Tags, func(tag string) bool { return slices.Contains(op.Cancels, tag) }) {
			continue
		}
		o.cancelled = cause
		t.forget(o)
		if o.started.IsZero() {
			t.finish(o, nil, fmt.Errorf("%s: %w", o.title(), cause))
		} else {
			o.stop(cause)
		}
	}
}
