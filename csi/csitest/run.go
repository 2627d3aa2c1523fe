package csitest

import (
	"context"
	"testing"

	"github.com/csikit/csikit/internal/looptest"
)

// Run checks a backend against the CSI specification and the rules of this
// module, through real gRPC on a driver made by [csi.New]. Every check is a
// subtest, named after the rule that it proves, with storage of its own from
// newHarness. A check that the driver's capabilities do not select is skipped
// and says what it needs. Run one with -run 'TestX/Rule10/PublishToSecondNode'.
func Run(t *testing.T, newHarness func(*testing.T) Harness) {
	runAll(t, newHarness, func(*testing.T) {})
}

// RunParallel is [Run] with checks that run side by side. newHarness is called
// concurrently, and what it returns must share nothing. It is not for real
// mounts: a child that one check starts has the open files of all checks until
// it runs its program, and keeps their volumes in use.
func RunParallel(t *testing.T, newHarness func(*testing.T) Harness) {
	runAll(t, newHarness, (*testing.T).Parallel)
}

func runAll(t *testing.T, newHarness func(*testing.T) Harness, begin func(*testing.T)) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			begin(t)
			h := newHarness(t)
			if h.Devices {
				looptest.NeedRoot(t)
			}
			c.exec(t, h)
		})
	}
}

// A check proves one rule.
type check struct {
	// name is "RuleN/What", the name of the subtest.
	name string
	// why is the rule and its source; every failure states it.
	why string
	// needs select the check.
	needs []need
	run   func(*session)
}

// checks returns all checks.
func checks() []check {
	var all []check
	for _, group := range [][]check{
		identityChecks, createChecks, sourceChecks, topologyChecks, deleteChecks, attachChecks, validateChecks,
		volumeListChecks, snapshotListChecks, snapshotChecks, groupChecks, expandChecks, modifyChecks,
		stageChecks, publishChecks, statsChecks, nodeExpandChecks, ephemeralChecks, limitChecks, secretChecks,
		concurrencyChecks, negationChecks, faultChecks, restartChecks, dataChecks, regressions,
	} {
		all = append(all, group...)
	}
	return all
}

// tester is what a check uses of a *testing.T. The kit's own tests replace it,
// to prove that every check can fail.
type tester interface {
	Helper()
	Context() context.Context
	TempDir() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
}

// exec runs the check and then proves that nothing is left of it.
func (c check) exec(t tester, h Harness) {
	s := newSession(t, h, c.why)
	defer s.close()
	s.start()
	for _, n := range c.needs {
		if !n.met(s) {
			t.Skipf("needs %s", n.what)
		}
	}
	c.run(s)
	s.cleanUp()
}
