package csitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

var faultChecks = []check{
	{"Rule40/ErrorBeforeEveryCall", "a call of the backend that fails is a non-final code, and a retry converges to one object (contract rulings 14 and 15)", []need{provisions}, func(s *session) { s.everyFault(errorBefore, func() {}) }},
	{"Rule40/ErrorAfterEveryCall", "a call that succeeded but whose answer was lost is a non-final code, and a retry converges to one object (spec.md, idempotency)", []need{provisions}, func(s *session) { s.everyFault(errorAfter, func() {}) }},
	{"Rule40/PanicInEveryCall", "a panic of the backend is the code of an unknown outcome; the process lives and holds no lock (contract ruling 15)", []need{provisions}, func(s *session) { s.everyFault(panicBefore, func() {}) }},
	{"Rule40/CrashAfterEveryCall", "a plugin that dies after a call of the backend converges to one object when it has started again (spec.md, idempotency)", []need{provisions}, func(s *session) { s.everyFault(errorAfter, s.restart) }},
	{"Rule40/ErrorsHaveTheirCodes", "each error of package csi has its code (csi.ErrNotFound and the others)", []need{provisions}, errorsHaveCodes},
}

// errInjected says nothing about its outcome.
var errInjected = errors.New("csitest: injected fault")

// A faultKind is armed for the nth call of the backend from now on.
type faultKind func(f *faults, n int)

func errorBefore(f *faults, n int) {
	due := nth(n)
	f.setBefore(func(context.Context, string, string) error {
		if due() {
			return errInjected
		}
		return nil
	})
}

func panicBefore(f *faults, n int) {
	due := nth(n)
	f.setBefore(func(context.Context, string, string) error {
		if due() {
			panic(errInjected)
		}
		return nil
	})
}

func errorAfter(f *faults, n int) {
	due := nth(n)
	f.setAfter(func(_ context.Context, _, _ string, err error) error {
		if due() {
			return errors.Join(err, errInjected)
		}
		return err
	})
}

// nth returns a function that is true when it is called for the nth time,
// counted from 0.
func nth(n int) func() bool {
	var count atomic.Int64
	return func() bool { return count.Add(1) == int64(n)+1 }
}

// everyFault lives a life for every call that the backend gets in one, with a
// fault at that call, and proves that nothing is left of any.
func (s *session) everyFault(kind faultKind, afterFailure func()) {
	s.Helper()
	calls := s.callsOfALife()
	for n, call := range calls {
		if s.h.Devices && slices.Index(calls, call) != n {
			continue // a life takes seconds: once for each kind of call
		}
		kind(s.faults, n)
		s.live(fmt.Sprintf("%s (call %d)", call, n+1), afterFailure)
		s.cleanUp()
		if s.Failed() {
			s.Fatalf("so it was with a fault at the backend's %s (call %d of %v)", call, n+1, calls)
		}
	}
}

// callsOfALife lives without faults and returns the backend's calls.
func (s *session) callsOfALife() []string {
	s.Helper()
	s.faults.reset()
	s.live("nothing", func() {})
	calls := s.faults.made()
	s.cleanUp()
	return calls
}

// live goes through a life and retries each step that fails.
func (s *session) live(fault string, afterFailure func()) {
	s.Helper()
	for _, step := range s.newLife().steps {
		err := step.run()
		if err == nil {
			continue
		}
		if code := status.Code(err); !step.read && final(code) {
			s.Errorf("%s failed with the final code %v, with a fault at %s: %v", step.rpc, code, fault, err)
		}
		afterFailure()
		if err := step.run(); err != nil {
			s.Fatalf("%s failed again when it was retried, with a fault at %s: %v", step.rpc, fault, err)
		}
	}
}

// final reports whether the CO takes a code as "finished, nothing exists".
func final(c codes.Code) bool {
	return !slices.Contains([]codes.Code{codes.Canceled, codes.DeadlineExceeded, codes.Unavailable, codes.Aborted}, c)
}

func errorsHaveCodes(s *session) {
	for want, err := range map[codes.Code]error{
		codes.AlreadyExists: csi.ErrExists, codes.InvalidArgument: csi.ErrInvalid, codes.OutOfRange: csi.ErrOutOfRange,
		codes.FailedPrecondition: csi.ErrInUse, codes.ResourceExhausted: csi.ErrExhausted, codes.Aborted: csi.ErrPending,
		codes.Unavailable: csi.ErrUnavailable, codes.PermissionDenied: csi.ErrPermission,
		codes.Unauthenticated: csi.ErrUnauthenticated, codes.Internal: csi.ErrFailed,
	} {
		s.faults.setBefore(func(_ context.Context, call, _ string) error {
			if call == "CreateVolume" {
				return fmt.Errorf("csitest: %w", err)
			}
			return nil
		})
		s.refuses(err.Error(), func(*csipb.CreateVolumeRequest) {}, want)
	}
}
