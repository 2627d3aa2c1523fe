// Package watch bounds calls of the kernel that may wait for a server for ever
// (R14).
package watch

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// ErrNoAnswer says that a call did not return in time. It still may.
var ErrNoAnswer = errors.New("no answer")

// A Watch bounds how long calls keep their callers. A call that the kernel does
// not return from cannot be ended; the watch remembers it by a name, and answers
// for it until it returns, so that a silent server holds one thread and not one
// for each caller. The zero value is ready.
type Watch struct {
	mu     sync.Mutex
	silent map[string]*watched
}

type watched struct{ returned bool }

type result[T any] struct {
	value T
	err   error
}

// Call runs f on a goroutine of its own and returns what f returns, or
// [ErrNoAnswer] if that takes longer than patience, or if an earlier call of
// that name has not returned yet. What an f returns too late is dropped.
func Call[T any](w *Watch, name string, patience time.Duration, f func() (T, error)) (T, error) {
	var none T
	if w.isSilent(name) {
		return none, fmt.Errorf("%w: an earlier call has not returned yet", ErrNoAnswer)
	}
	c, done := new(watched), make(chan result[T], 1)
	go func() {
		v, err := f()
		w.returned(name, c)
		done <- result[T]{v, err}
	}()
	runtime.Gosched() // most are answered from memory, before a timer is worth its while
	select {
	case r := <-done:
		return r.value, r.err
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
	}
	if w.giveUp(name, c) {
		return none, fmt.Errorf("%w within %s", ErrNoAnswer, patience)
	}
	r := <-done
	return r.value, r.err
}

func (w *Watch) isSilent(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.silent[name] != nil
}

func (w *Watch) returned(name string, c *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.returned = true
	if w.silent[name] == c {
		delete(w.silent, name)
	}
}

// giveUp records that c has not returned, or reports that it has.
func (w *Watch) giveUp(name string, c *watched) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.returned {
		return false
	}
	if w.silent == nil {
		w.silent = make(map[string]*watched)
	}
	w.silent[name] = c
	return true
}

// Quiet reports whether every call has returned.
func (w *Watch) Quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.silent) == 0
}
