// Package invariant checks what must hold on a node whatever happened to its
// driver: after a kill at any step, a failed call, a race, an hour of stress.
// The crash tier, the kill loop and the conformance kit use the same checks.
//
//		violations := invariant.Targets(invariant.Target{Path: target, ReadOnly: true})
//		violations = append(violations, invariant.Leftovers(scope)...)
//
//	 1. [Targets]: at most one mount at a target, never writable where read-only
//	    was asked for.
//	 2. [Free]: after a successful unstage an exclusive open of every device on
//	    the image succeeds.
//	 3. [Leftovers]: no mount, mount point, file, loop device, device-mapper
//	    device or process is left.
//	 4. [Ledger], [Blocks]: whatever was fsynced is there.
//	 5. [Image]: an image changes only if a format was intended and allowed.
//	 6. [Late]: every RPC has met its deadline.
//
// The kernel is asked, never the driver, and only about what is below the
// caller's own directory: others use the machine at the same time. Every check
// has a test that breaks its invariant on purpose (mutants_linux_test.go).
package invariant
