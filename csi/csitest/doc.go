// Package csitest decides whether a backend is correct.
//
// [Run] drives a backend through real gRPC on a driver made by csi.New, as the
// sidecars and the kubelet do, and proves the rules of the CSI specification
// that drivers get wrong: idempotency, concurrency, restarts and crashes
// between any two steps, faults at every call, paging, publishing twice,
// secrets in logs, and that nothing is left behind. Every check is a subtest
// named after its rule, and a failure states the rule and its source. What the
// backend does not offer is skipped.
//
// A driver's test is this:
//
//	func TestBackend(t *testing.T) {
//		csitest.Run(t, func(t *testing.T) csitest.Harness {
//			pool := t.TempDir() // the storage, empty for every check
//			return csitest.Harness{
//				Backend: func() csi.Locator { return mydriver.New(pool) }, // as a new process does
//				Leaks:   func() []string { return filesIn(pool) },
//			}
//		})
//	}
//
// Mounts are made in memory, so that it runs without root and anywhere. Set
// [Harness].Devices to have real ones, and the data on them checked.
// Parameters, secrets and a second node are fields of the harness.
//
// [Stress] runs the RPCs of one harness at random and at once. Package
// csitest/sanity runs csi-sanity on the same harness. [Memory] is the reference
// backend: use it to test what is built upon a driver, and read it to see what
// the contract means. [Start] serves a driver in a test of one's own.
//
// The kit is tested by faults: for every check there is a backend or a driver
// that is wrong in one way and that the check must find (mutants_test.go).
package csitest
