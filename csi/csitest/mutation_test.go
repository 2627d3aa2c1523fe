package csitest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/csikit/csikit/csi"
)

// found collects the checks that have found something.
type found struct {
	mu     sync.Mutex
	checks map[string]bool
}

// TestEveryCheckCanFail runs each check against backends and drivers that are
// wrong in one way. Every fault must be found by the checks that name it, and
// every check that can run here must find a fault.
func TestEveryCheckCanFail(t *testing.T) {
	all := &found{checks: map[string]bool{}}
	t.Run("mutants", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				all.mustFind(t, m.found, func() Harness {
					store := zoned()
					h := store.Harness()
					h.Backend = func() csi.Locator { return m.make(store) }
					return h
				})
			})
		}
		for _, m := range absorbed {
			t.Run(m.name+", which is made good", func(t *testing.T) {
				t.Parallel()
				store := zoned()
				h := store.Harness()
				h.Backend = func() csi.Locator { return m.make(store) }
				for _, name := range m.found {
					if r := record(t, named(t, name), h); r.Failed() || r.skipped {
						t.Errorf("%s: %s", name, r.said())
					}
				}
			})
		}
		for _, m := range tampers {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				all.mustFind(t, m.found, func() Harness {
					h := zoned().Harness()
					h.tamper = func(s *session) grpc.UnaryClientInterceptor { return m.rpc(s).interceptor() }
					return h
				})
			})
		}
		t.Run("times out", func(t *testing.T) {
			t.Parallel()
			all.mustFind(t, []string{"Rule31/CancelledCreateGoesOn"}, func() Harness {
				h := zoned().Harness()
				h.Options.OperationTimeout = time.Nanosecond
				return h
			})
		})
	})
	for _, c := range checks() {
		if !all.checks[c.name] && !slices.ContainsFunc(c.needs, func(n need) bool { return n.what == devices.what }) { // see TestEveryDataCheckCanFail
			t.Errorf("no mutant makes check %s fail", c.name)
		}
	}
}

// mustFind proves that each of the named checks fails the harness.
func (f *found) mustFind(t *testing.T, names []string, harness func() Harness) {
	for _, name := range names {
		r := record(t, named(t, name), harness())
		if !r.Failed() {
			t.Errorf("%s did not find it (skipped: %t)", name, r.skipped)
			continue
		}
		f.mu.Lock()
		f.checks[name] = true
		f.mu.Unlock()
		t.Logf("%s: %s", name, strings.TrimSpace(r.said()))
	}
}

// named finds a check.
func named(t *testing.T, name string) check {
	i := slices.IndexFunc(checks(), func(c check) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no check %s", name)
	}
	return checks()[i]
}
