package awscall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/csikit/csikit/csi"
)

// ErrThrottled says that the service refused a call because of its rate. A meter
// waits then and calls again, so that its callers never see it.
var ErrThrottled = fmt.Errorf("%w: throttled", csi.ErrUnavailable)

// Codes say what the error codes of a service mean: [ErrThrottled], or an error of
// package csi. A code that is not listed, and an answer that never came, is
// [csi.ErrUnavailable]: the call may have been executed.
type Codes map[string]error

// NewCodes makes Codes of lists of codes that mean the same, with white space
// between them.
func NewCodes(lists map[error]string) Codes {
	c := Codes{}
	for means, list := range lists {
		for code := range strings.FieldsSeq(list) {
			c[code] = means
		}
	}
	return c
}

// Meaning is what a code means.
func (c Codes) Meaning(code string) error {
	if means, ok := c[code]; ok {
		return means
	}
	return csi.ErrUnavailable
}

// Has reports whether err is what a service answered with one of the codes.
func Has(err error, codes ...string) bool {
	var said smithy.APIError
	return errors.As(err, &said) && slices.Contains(codes, said.ErrorCode())
}

// A failure is a failed call: what the service said, and what that means. The SDK
// adds the names of the service and the API.
type failure struct {
	code, message, request string
	means, err             error
}

// Error has all that AWS support asks for.
func (e *failure) Error() string {
	if e.code == "" {
		return fmt.Sprintf("%v: %s", e.means, e.message)
	}
	return fmt.Sprintf("%v: %s: %s (request %s)", e.means, e.code, e.message, e.request)
}

// Unwrap returns the meaning and the cause.
func (e *failure) Unwrap() []error { return []error{e.means, e.err} }

func (c Codes) translate(err error) *failure {
	e := &failure{means: csi.ErrUnavailable, message: err.Error(), err: err}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return e
	}
	e.code, e.message = said.ErrorCode(), said.ErrorMessage()
	e.means = c.Meaning(e.code)
	var response *http.ResponseError
	if errors.As(err, &response) {
		e.request = response.ServiceRequestID()
	}
	return e
}

// gaveUp is the error of a call whose context ended, with what was said last.
func gaveUp(ctx context.Context, last *failure) error {
	e := &failure{means: csi.ErrUnavailable, message: "the call was not made", err: context.Cause(ctx)}
	if last != nil {
		e.message, e.code, e.request = last.message, last.code, last.request
		e.err = errors.Join(e.err, last.err)
	}
	return e
}
