package ec2test

import (
	"maps"
	"slices"
	"time"
)

// A table holds rows by id, each with its truth and with what clients see of
// it while changes have not reached the reading side.
type table[T any] struct {
	rows  map[string]*row[T]
	clone func(*T) *T
}

type row[T any] struct {
	truth *T // nil once deleted
	views []view[T]
}

// A view is a state that is visible from a time on; nil is absent.
type view[T any] struct {
	from  time.Time
	state *T
}

func newTable[T any](clone func(*T) *T) *table[T] {
	return &table[T]{rows: map[string]*row[T]{}, clone: clone}
}

// truth returns a row that may be changed and then put, or nil.
func (t *table[T]) truth(id string) *T {
	if r := t.rows[id]; r != nil {
		return r.truth
	}
	return nil
}

// put makes state (nil: no row) the truth, and visible at the time given.
// Views that nobody looking from keep on can see are dropped.
func (t *table[T]) put(id string, state *T, visible, keep time.Time) {
	r := t.rows[id]
	if r == nil {
		r = &row[T]{}
		t.rows[id] = r
	}
	r.truth = state
	v := view[T]{from: visible}
	if state != nil {
		v.state = t.clone(state)
	}
	// A later change is never seen before an earlier one.
	if n := len(r.views); n > 0 && r.views[n-1].from.After(v.from) {
		v.from = r.views[n-1].from
	}
	r.views = append(r.views, v)
	for len(r.views) > 1 && !r.views[1].from.After(keep) {
		r.views = r.views[1:]
	}
}

// seen returns a row as it is visible at a time, or nil. It must not be
// changed.
func (t *table[T]) seen(id string, at time.Time) *T {
	r := t.rows[id]
	if r == nil {
		return nil
	}
	for _, v := range slices.Backward(r.views) {
		if !v.from.After(at) {
			return v.state
		}
	}
	return nil
}

// ids lists the rows in order, those that were deleted included.
func (t *table[T]) ids() []string { return slices.Sorted(maps.Keys(t.rows)) }

// each calls f with all rows as they are, in no order.
func (t *table[T]) each(f func(*T)) {
	for _, r := range t.rows {
		if r.truth != nil {
			f(r.truth)
		}
	}
}

// truths lists copies of all rows as they are, in the order of their ids.
func (t *table[T]) truths() []T {
	var all []T
	for _, id := range t.ids() {
		if state := t.rows[id].truth; state != nil {
			all = append(all, *t.clone(state))
		}
	}
	return all
}
