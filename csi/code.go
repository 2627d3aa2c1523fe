package csi

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// codeOf is the one table from errors to gRPC codes. Order matters only where
// an error wraps several.
var codeOf = []struct {
	err  error
	code codes.Code
}{
	{ErrFailed, codes.Internal},
	{ErrNotFound, codes.NotFound},
	{ErrExists, codes.AlreadyExists},
	{ErrInvalid, codes.InvalidArgument},
	{ErrOutOfRange, codes.OutOfRange},
	{ErrInUse, codes.FailedPrecondition},
	{ErrExhausted, codes.ResourceExhausted},
	{ErrPending, codes.Aborted},
	{ErrUnavailable, codes.Unavailable},
	{ErrPermission, codes.PermissionDenied},
	{ErrUnauthenticated, codes.Unauthenticated},
	{ErrUnsupported, codes.Unimplemented},
	{keyop.ErrBusy, codes.Aborted},
	{keyop.ErrCancelled, codes.Aborted},
	{keyop.ErrShutdown, codes.Unavailable},
	{context.Canceled, codes.Canceled},
	{context.DeadlineExceeded, codes.DeadlineExceeded},
}

// unknownOutcome are the codes that gRPC itself gives for a call that may have
// been carried out: a stream that was cut, an answer that was too large. A
// backend that asks a server of its own by gRPC passes them on, and the sidecars
// take them for final.
var unknownOutcome = map[codes.Code]bool{codes.Internal: true, codes.ResourceExhausted: true, codes.DataLoss: true}

// maxMessage bounds the message of a status: it travels in a header, whose
// size gRPC limits.
const maxMessage = 2048

// statusOf turns the error of a handler into a status without details. An
// error that says nothing about its outcome is UNAVAILABLE if the RPC changes
// something, since it may have happened, and INTERNAL if it only reads.
func statusOf(err error, mutating bool) error {
	if err == nil {
		return nil
	}
	return status.Error(classify(err, mutating), messageOf(err))
}

func classify(err error, mutating bool) codes.Code {
	for _, row := range codeOf {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	if s, ok := status.FromError(err); ok && (!mutating || !unknownOutcome[s.Code()]) && s.Code() != codes.Unknown && s.Code() != codes.OK {
		return s.Code()
	}
	if mutating {
		return codes.Unavailable
	}
	return codes.Internal
}

// messageOf is the error's text as a header can carry it.
func messageOf(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message() // without "rpc error: code = ..."
	}
	if len(text) > maxMessage {
		text = text[:maxMessage-3] + "..."
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
