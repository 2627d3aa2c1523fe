package mount

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// defaultPatience is how long the server or daemon of a share may take to
// answer before the share counts as silent.
const defaultPatience = 5 * time.Second

// A watch bounds how long calls about paths keep their callers (R14). A call
// that the kernel does not return from cannot be ended; the watch remembers
// it, and answers for it until it returns, so that a silent share holds one
// thread and not one for each caller.
type watch struct {
	mu     sync.Mutex
	silent map[string]*watched
}

type watched struct{ returned bool }

type result[T any] struct {
	value T
	err   error
}

// call runs f on a goroutine of its own and returns what f returns, or
// [ErrNoAnswer] if that takes longer than patience, or if an earlier call for
// path has not returned yet.
func call[T any](w *watch, path string, patience time.Duration, f func() (T, error)) (T, error) {
	var none T
	if w.isSilent(path) {
		return none, fmt.Errorf("%w: an earlier call has not returned yet", ErrNoAnswer)
	}
	c, done := new(watched), make(chan result[T], 1)
	go func() {
		v, err := f()
		w.returned(path, c)
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
	if w.giveUp(path, c) {
		return none, fmt.Errorf("%w within %s", ErrNoAnswer, patience)
	}
	r := <-done
	return r.value, r.err
}

func (w *watch) isSilent(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.silent[path] != nil
}

func (w *watch) returned(path string, c *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.returned = true
	if w.silent[path] == c {
		delete(w.silent, path)
	}
}

// giveUp records that c has not returned, or reports that it has.
func (w *watch) giveUp(path string, c *watched) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.returned {
		return false
	}
	if w.silent == nil {
		w.silent = make(map[string]*watched)
	}
	w.silent[path] = c
	return true
}
