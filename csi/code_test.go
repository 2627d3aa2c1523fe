package csi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/csi/internal/keyop"
)

func TestEveryErrorHasItsCode(t *testing.T) {
	for err, want := range map[error]codes.Code{
		ErrNotFound: codes.NotFound, ErrExists: codes.AlreadyExists, ErrInvalid: codes.InvalidArgument, ErrOutOfRange: codes.OutOfRange,
		ErrInUse: codes.FailedPrecondition, ErrExhausted: codes.ResourceExhausted, ErrPending: codes.Aborted, ErrUnavailable: codes.Unavailable,
		ErrPermission: codes.PermissionDenied, ErrUnauthenticated: codes.Unauthenticated, ErrUnsupported: codes.Unimplemented, ErrFailed: codes.Internal,
		keyop.ErrBusy: codes.Aborted, keyop.ErrCancelled: codes.Aborted, keyop.ErrShutdown: codes.Unavailable,
		context.Canceled: codes.Canceled, context.DeadlineExceeded: codes.DeadlineExceeded,
		status.Error(codes.NotFound, "x"): codes.NotFound,
	} {
		for _, mutating := range []bool{true, false} {
			wrapped := &Error{Op: "Test", ID: "v", Err: fmt.Errorf("deep: %w", err)}
			assert.Equal(t, want, status.Code(statusOf(wrapped, mutating)), err)
		}
	}
	assert.NoError(t, statusOf(nil, true))
}

func TestRuling15_UnclassifiedIsUnknownForMutatingAndInternalForReads(t *testing.T) {
	for _, err := range []error{errors.New("odd"), status.Error(codes.Unknown, "odd"), os.ErrNotExist} {
		assert.Equal(t, codes.Unavailable, status.Code(statusOf(err, true)))
		assert.Equal(t, codes.Internal, status.Code(statusOf(err, false)))
	}
}

// Ruling 15: a backend that asks a server of its own passes on what gRPC itself
// says of a call whose outcome nobody knows.
func TestRuling15_ForeignCodesOfUnknownOutcome(t *testing.T) {
	for _, foreign := range []codes.Code{codes.Internal, codes.ResourceExhausted, codes.DataLoss, codes.Unavailable} {
		err := wrap("CreateVolume", "v", fmt.Errorf("array: %w", status.Error(foreign, "stream terminated by RST_STREAM")))
		assert.Equal(t, codes.Unavailable, status.Code(statusOf(err, true)), foreign)
		assert.Equal(t, foreign, status.Code(statusOf(err, false)), "a read has no outcome: %v", foreign)
		assert.Equal(t, codes.NotFound, status.Code(statusOf(errors.Join(ErrNotFound, err), true)), "the backend knows better")
	}
}

func TestRuling17_ErrnoIsNotUnsupported(t *testing.T) {
	err := fmt.Errorf("reflink: %w", syscall.EOPNOTSUPP)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Equal(t, codes.Unavailable, status.Code(statusOf(err, true)), "it must be retried")
}

func TestErrorNamesWhatWasAttempted(t *testing.T) {
	err := wrap("CreateVolume", "pvc-1", ErrExhausted)
	assert.EqualError(t, err, "CreateVolume pvc-1: exhausted")
	assert.EqualError(t, wrap("CreateVolume", "pvc-1", err), "CreateVolume pvc-1: exhausted", "once is enough")
	assert.EqualError(t, wrap("Probe", "", ErrPending), "Probe: still running")
}

func TestReadsAndWritesAreToldApartByName(t *testing.T) {
	for method, mutating := range map[string]bool{
		"Controller/CreateVolume": true, "Controller/DeleteVolume": true, "Controller/ControllerPublishVolume": true,
		"Controller/ControllerExpandVolume": true, "Node/NodeStageVolume": true, "Node/NodeUnpublishVolume": true, "Node/NodeExpandVolume": true,
		"Controller/ListVolumes": false, "Controller/ControllerGetVolume": false, "Controller/GetCapacity": false,
		"Controller/ValidateVolumeCapabilities": false, "Node/NodeGetInfo": false, "Node/NodeGetVolumeStats": false, "Identity/Probe": false,
		"Controller/GetSnapshot": false, "Controller/ControllerModifyVolume": true,
	} {
		assert.Equal(t, mutating, (&rpc{method: "/csi.v1." + method}).mutating(), method)
	}
}
