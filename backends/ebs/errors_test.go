package ebs

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

// TestErrors_EveryCode: each code of the table comes out as one sentinel, with
// EC2's words, and is still EC2's error.
func TestErrors_EveryCode(t *testing.T) {
	sentinels := []error{csi.ErrNotFound, csi.ErrExists, csi.ErrInvalid, csi.ErrOutOfRange, csi.ErrInUse, csi.ErrExhausted, csi.ErrPending,
		csi.ErrUnavailable, csi.ErrPermission, csi.ErrUnauthenticated, csi.ErrUnsupported, csi.ErrFailed, errThrottled}
	for code, want := range ec2Codes {
		t.Run(code, func(t *testing.T) {
			said := &smithy.GenericAPIError{Code: code, Message: "because"}
			err := meaning("CreateVolume", fmt.Errorf("operation error: %w", said))
			for _, s := range sentinels {
				require.Equal(t, errors.Is(want, s), errors.Is(err, s), "%v", s)
			}
			require.ErrorIs(t, err, said)
			require.ErrorContains(t, err, code+": because")
			require.True(t, hasCode(fmt.Errorf("wrapped: %w", err), "Other", code))
		})
	}
}

// TestErrors_UnknownIsNeverFinal: a code that nobody has listed, and no answer at
// all, leave open what happened.
func TestErrors_UnknownIsNeverFinal(t *testing.T) {
	for _, err := range []error{&smithy.GenericAPIError{Code: "InternalError"}, &smithy.GenericAPIError{Code: "NewIn2030"}, errors.New("connection reset"), context.DeadlineExceeded} {
		require.ErrorIs(t, meaning("CreateVolume", err), csi.ErrUnavailable)
	}
}

// TestErrors_Final are those that decide what the sidecars do (#515, #2803).
func TestErrors_Final(t *testing.T) {
	for code, want := range map[string]error{
		"InvalidVolume.NotFound": csi.ErrNotFound, "VolumeInUse": csi.ErrInUse, "AttachmentLimitExceeded": csi.ErrExhausted,
		"VolumeLimitExceeded": csi.ErrExhausted, "InvalidParameterValue": csi.ErrInvalid, "UnauthorizedOperation": csi.ErrPermission,
		"RequestLimitExceeded": errThrottled, "IncorrectModificationState": csi.ErrPending,
	} {
		require.Equal(t, want, ec2Codes[code], code)
	}
}
