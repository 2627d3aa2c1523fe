package ebs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// A refusal is an EC2 that answers all calls with a code.
type refusal string

// Do implements [aws.HTTPClient].
func (code refusal) Do(*http.Request) (*http.Response, error) {
	body := fmt.Sprintf("<Response><Errors><Error><Code>%s</Code><Message>because</Message></Error></Errors><RequestID>req-1</RequestID></Response>", string(code))
	return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// refused is the error of a call that EC2 answers with a code.
func refused(t *testing.T, code string) error {
	b, err := New(Options{EC2: NewClient(aws.Config{Region: "us-east-1", HTTPClient: refusal(code), Credentials: aws.AnonymousCredentials{}})})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	if errors.Is(ec2Codes[code], awscall.ErrThrottled) {
		cancel() // else it would be called for ever
	}
	defer cancel()
	_, err = b.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: aws.String("vol-0123456789abcdef0")})
	return err
}

// TestErrors_EveryCode: each code of the table comes out as one sentinel, with
// EC2's words and request id, and is still EC2's error.
func TestErrors_EveryCode(t *testing.T) {
	sentinels := []error{csi.ErrNotFound, csi.ErrExists, csi.ErrInvalid, csi.ErrOutOfRange, csi.ErrInUse, csi.ErrExhausted, csi.ErrPending,
		csi.ErrUnavailable, csi.ErrPermission, csi.ErrUnauthenticated, csi.ErrUnsupported, csi.ErrFailed}
	for code, want := range ec2Codes {
		t.Run(code, func(t *testing.T) {
			err := refused(t, code)
			for _, s := range sentinels {
				require.Equal(t, errors.Is(want, s), errors.Is(err, s), "%v: %v", s, err)
			}
			if errors.Is(want, awscall.ErrThrottled) {
				require.ErrorIs(t, err, context.Canceled)
				return
			}
			var said smithy.APIError
			require.ErrorAs(t, err, &said)
			require.ErrorContains(t, err, "EC2: CreateSnapshot, "+want.Error()+": "+code+": because (request req-1)")
			require.True(t, awscall.Has(fmt.Errorf("wrapped: %w", err), "Other", code))
		})
	}
}

// TestErrors_UnknownIsNeverFinal: a code that nobody has listed leaves open what
// happened.
func TestErrors_UnknownIsNeverFinal(t *testing.T) {
	for _, code := range []string{"InternalError", "NewIn2030"} {
		require.ErrorIs(t, refused(t, code), csi.ErrUnavailable)
	}
}

// TestErrors_NoCallsWithoutAClient: a node's process cannot call EC2.
func TestErrors_NoCallsWithoutAClient(t *testing.T) {
	b, err := New(Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	require.ErrorIs(t, b.DeleteVolume(t.Context(), csi.VolumeRef{ID: "vol-0123456789abcdef0"}), csi.ErrFailed)
}

// TestErrors_Final are those that decide what the sidecars do (#515, #2803).
func TestErrors_Final(t *testing.T) {
	for code, want := range map[string]error{
		"InvalidVolume.NotFound": csi.ErrNotFound, "VolumeInUse": csi.ErrInUse, "AttachmentLimitExceeded": csi.ErrExhausted,
		"VolumeLimitExceeded": csi.ErrExhausted, "InvalidParameterValue": csi.ErrInvalid, "UnauthorizedOperation": csi.ErrPermission,
		"RequestLimitExceeded": awscall.ErrThrottled, "IncorrectModificationState": csi.ErrPending,
	} {
		require.Equal(t, want, ec2Codes[code], code)
	}
}
