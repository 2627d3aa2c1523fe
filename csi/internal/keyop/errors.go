package keyop

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrBusy: another operation holds a key, or the operation itself still
	// runs. The error is a [BusyError].
	ErrBusy = errors.New("operation pending")
	// ErrCancelled: the negation call cancelled the operation. The error
	// is, or wraps, a [CancelledError].
	ErrCancelled = errors.New("operation cancelled")
	// ErrShutdown: the process is stopping.
	ErrShutdown = errors.New("driver is shutting down")

	errAbandoned = errors.New("every caller has left")
)

// A BusyError tells a caller whose time is up what it waited for.
type BusyError struct {
	// RPC and ID are what was asked for.
	RPC, ID string
	// Holder is the running operation that is in the way, or the operation
	// itself if Self is true.
	Holder Info
	// Self says that what was asked for is running, and continues.
	Self bool
	// Age is how long Holder has been running.
	Age time.Duration
}

// Error implements error.
func (e *BusyError) Error() string {
	age := e.Age.Round(time.Millisecond)
	if e.Age >= 10*time.Second {
		age = e.Age.Round(time.Second)
	}
	if e.Self {
		return fmt.Sprintf("%v: %s is still running since %v (started by request %s) and continues; the same request gets its result",
			ErrBusy, e.Holder.title(), age, e.Holder.request())
	}
	return fmt.Sprintf("%v: %s waits for %s, which request %s started %v ago; try again",
		ErrBusy, (&Op{RPC: e.RPC, ID: e.ID}).title(), e.Holder.title(), e.Holder.request(), age)
}

// Unwrap returns ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// A CancelledError names the RPC that cancelled an operation. It is the cause
// (see context.Cause) of the cancelled operation's context.
type CancelledError struct{ RPC, Request string }

// Error implements error.
func (e *CancelledError) Error() string {
	return fmt.Sprintf("%v by %s (request %s)", ErrCancelled, e.RPC, orUnknown(e.Request))
}

// Unwrap returns ErrCancelled.
func (e *CancelledError) Unwrap() error { return ErrCancelled }

// A timeoutError is the cause of the end of an operation that took too long.
type timeoutError struct {
	title string
	after time.Duration
}

func (e *timeoutError) Error() string { return fmt.Sprintf("%s took longer than %v", e.title, e.after) }

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

func orUnknown(request string) string {
	if request == "" {
		return "unknown"
	}
	return request
}
