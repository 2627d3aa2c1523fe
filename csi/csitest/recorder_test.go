package csitest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A recorder is a test that is expected to fail.
type recorder struct {
	ctx      context.Context
	tempDir  func() string
	mu       sync.Mutex
	failures []string
	skipped  bool
}

var _ tester = (*recorder)(nil)

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) TempDir() string          { return r.tempDir() }
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(string, ...any) {
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

// record runs a check as a test of its own and returns what it said.
func record(t *testing.T, c check, h Harness) *recorder {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	r := &recorder{ctx: ctx, tempDir: t.TempDir}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.exec(r, h)
	}()
	<-done
	return r
}

// said returns the first failure in one line.
func (r *recorder) said() string {
	if len(r.failures) == 0 {
		return "nothing"
	}
	return strings.ReplaceAll(r.failures[0], "\n", " ")
}
