//go:build linux

package crashtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/csikit/csikit/internal/invariant"
)

// A worker runs sequences on a host of its own.
type worker struct {
	h *host
	// d is a process that nobody kills at a step: it runs the prefix of a
	// sequence. It is the one that made the retry of the sequence before.
	d *driver
	// damage, if not nil, is done after the kill: for a test of this test.
	damage func(*volume) error
}

// fresh replaces the worker's process.
func (w *worker) fresh() (err error) {
	if w.d != nil {
		w.d.kill()
	}
	w.d, err = w.h.start(0)
	return err
}

// begin makes a volume and brings it to where the prefix of s leaves it.
func (w *worker) begin(ctx context.Context, s *sequence) (*volume, error) {
	if w.d == nil {
		if err := w.fresh(); err != nil {
			return nil, err
		}
	}
	v, err := w.h.newVolume(ctx, w.d, s.kind)
	if err != nil {
		return nil, err
	}
	for _, o := range s.prefix {
		if err := v.settled(ctx, w.d, o); err != nil {
			return nil, fmt.Errorf("before the kill: %w", err)
		}
	}
	return v, nil
}

// untouched is the state of a volume that no node has seen.
func (w *worker) untouched(ctx context.Context, k kind) (string, error) {
	v, err := w.begin(ctx, &sequence{kind: k})
	if err != nil {
		return "", err
	}
	state, err := v.state()
	return state, errors.Join(err, w.end(ctx, v))
}

// baseline runs a sequence without a kill, counts the steps of its last RPC,
// and returns the state that it leaves.
func (w *worker) baseline(ctx context.Context, s *sequence) (string, error) {
	v, err := w.begin(ctx, s)
	if err != nil {
		return "", err
	}
	d, err := w.h.start(0)
	if err != nil {
		return "", err
	}
	defer d.kill()
	if err := v.settled(ctx, d, s.last); err != nil {
		return "", err
	}
	s.steps = d.steps()
	state, err := v.state()
	if err != nil {
		return "", err
	}
	return state, w.end(ctx, v)
}

// crash kills the last RPC of s before its nth step, and lets a new process go
// on. It reports whether the process got that far.
func (w *worker) crash(ctx context.Context, s *sequence, n int) (killed bool, err error) {
	v, err := w.begin(ctx, s)
	if err != nil {
		return false, err
	}
	d, err := w.h.start(n)
	if err != nil {
		return false, err
	}
	answer := v.do(ctx, d, s.last, v.model.expansions)
	killed = d.crashed(answer)
	if !killed {
		answer = v.waitForOthers(ctx, d, s.last, answer)
		killed = d.crashed(answer)
	}
	if !killed {
		err = v.answered(d, s.last, answer)
	}
	d.kill()
	if err == nil && w.damage != nil {
		err = w.damage(v)
	}
	if err != nil {
		return killed, err
	}
	if err := v.crashedLooks(s.last); err != nil {
		return killed, fmt.Errorf("before the retry: %w", err)
	}
	if err := w.fresh(); err != nil {
		return killed, err
	}
	if killed {
		if err := v.settled(ctx, w.d, s.last); err != nil {
			return killed, fmt.Errorf("the retry: %w", err)
		}
	}
	return killed, w.end(ctx, v)
}

// crashedLooks checks what must hold at any moment, whatever was going on.
func (v *volume) crashedLooks(last op) error {
	readOnly := v.kind.reader || v.model.readOnly || last == publishReadOnly && !v.model.published
	found := invariant.Targets(invariant.Target{Path: v.target(), ReadOnly: readOnly}, invariant.Target{Path: v.staging(), ReadOnly: v.kind.reader})
	if last != unpublish && last != unstage { // what was there is still there
		found = append(found, v.readBack()...)
	}
	if v.kind.foreign {
		found = append(found, v.content.Check(v.image())...)
	}
	return joined(found)
}

// end cleans up and checks that nothing is left.
func (w *worker) end(ctx context.Context, v *volume) error {
	if err := v.finish(ctx, w.d); err != nil {
		return err
	}
	return joined(append(invariant.Leftovers(w.h.scope()), w.lateness()...))
}

func (w *worker) lateness() []invariant.Violation {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	late := w.h.late
	w.h.late = nil
	return late
}

func (w *worker) close() {
	if w.d != nil {
		w.d.kill()
	}
}
