package csi

import "errors"

// The errors that a backend returns, wrapped or not. Each maps to one gRPC
// code, and the code is a promise about finality: the Kubernetes sidecars and
// the kubelet read ABORTED, UNAVAILABLE, CANCELLED and DEADLINE_EXCEEDED as
// "may still be running", and every other code as "finished, nothing exists".
//
// An error of a mutating call that wraps none of them is [ErrUnavailable]: its
// outcome is not known. Say [ErrFailed] only if nothing was left behind.
var (
	ErrNotFound        = errors.New("not found")                   // NOT_FOUND: surely gone
	ErrExists          = errors.New("exists and differs")          // ALREADY_EXISTS
	ErrInvalid         = errors.New("invalid")                     // INVALID_ARGUMENT: nothing was applied
	ErrOutOfRange      = errors.New("out of range")                // OUT_OF_RANGE: a size, an offset
	ErrInUse           = errors.New("in use")                      // FAILED_PRECONDITION: left untouched
	ErrExhausted       = errors.New("exhausted")                   // RESOURCE_EXHAUSTED: no space, no slot, not in this topology
	ErrPending         = errors.New("still running")               // ABORTED: retry later, it continues
	ErrUnavailable     = errors.New("outcome unknown")             // UNAVAILABLE: retry, it may have happened
	ErrPermission      = errors.New("not permitted")               // PERMISSION_DENIED
	ErrUnauthenticated = errors.New("not authenticated")           // UNAUTHENTICATED
	ErrUnsupported     = errors.New("not supported")               // UNIMPLEMENTED; not errors.ErrUnsupported, which EOPNOTSUPP matches
	ErrFailed          = errors.New("failed, nothing left behind") // INTERNAL: final
)

// Error is the error of one call of a backend or of one step on the node.
type Error struct {
	// Op is what was attempted, such as "CreateVolume" or "mkfs".
	Op string
	// ID is the id or the name of the volume or snapshot.
	ID string
	// Err says what was found.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.ID == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op + " " + e.ID + ": " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }
