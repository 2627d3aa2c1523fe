package ec2test

import (
	"fmt"
	"net/http"
	"slices"
)

// An Error is what EC2 answers when it refuses a call.
type Error struct {
	// Code is EC2's name of the error, such as "VolumeInUse".
	Code string
	// Message is its text.
	Message string
	// Status is the HTTP status; 0 is the usual one of the code.
	Status int
}

// Error has code and text as the SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// serverErrors are the codes that EC2 answers with status 500 or, for those of
// the second list, 503 (API reference, "Server error codes").
var (
	serverErrors      = []string{"InternalError", "InternalFailure", "InsufficientVolumeCapacity", "InsufficientInstanceCapacity", "InsufficientCapacity"}
	unavailableErrors = []string{"RequestLimitExceeded", "ServiceUnavailable", "Unavailable", "Client.RequestLimitExceeded"}
)

func (e *Error) status() int {
	switch {
	case e.Status != 0:
		return e.Status
	case e.Code == "DryRunOperation":
		return http.StatusPreconditionFailed
	case e.Code == "UnauthorizedOperation":
		return http.StatusForbidden
	case e.Code == "AuthFailure", e.Code == "MissingAuthenticationToken":
		return http.StatusUnauthorized
	case slices.Contains(serverErrors, e.Code):
		return http.StatusInternalServerError
	case slices.Contains(unavailableErrors, e.Code):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

var (
	errDryRun    = errorf("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	errThrottled = errorf("RequestLimitExceeded", "Request limit exceeded.")
	errUnsigned  = errorf("MissingAuthenticationToken", "The request must contain either a valid (registered) AWS access key ID or X.509 certificate.")
)
