package ebs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/csikit/csikit/csi"
)

// errThrottled says that EC2 refused a call because of its rate. It never
// leaves the client, which waits and calls again.
var errThrottled = errors.New("throttled")

// ec2Codes says what an error code of EC2 means (API reference, "Error codes
// for the Amazon EC2 API"). A code that is not listed, and an answer that never
// came, is [csi.ErrUnavailable]: the call may have been executed.
var ec2Codes = map[string]error{
	// What is named is surely not there.
	"InvalidVolume.NotFound":      csi.ErrNotFound,
	"InvalidVolumeID.Malformed":   csi.ErrNotFound,
	"InvalidSnapshot.NotFound":    csi.ErrNotFound,
	"InvalidSnapshotID.Malformed": csi.ErrNotFound,
	"InvalidInstanceID.NotFound":  csi.ErrNotFound,
	"InvalidInstanceID.Malformed": csi.ErrNotFound,
	"InvalidAttachment.NotFound":  csi.ErrNotFound,

	// What is asked for is wrong, and nothing was done.
	"InvalidParameter":              csi.ErrInvalid,
	"InvalidParameterValue":         csi.ErrInvalid,
	"InvalidParameterCombination":   csi.ErrInvalid,
	"InvalidParameterDependency":    csi.ErrInvalid,
	"InvalidRequest":                csi.ErrInvalid,
	"MissingParameter":              csi.ErrInvalid,
	"UnknownParameter":              csi.ErrInvalid,
	"ValidationError":               csi.ErrInvalid,
	"UnknownVolumeType":             csi.ErrInvalid,
	"UnknownVolumeType.Unsupported": csi.ErrInvalid,
	"UnsupportedOperation":          csi.ErrInvalid,
	"OperationNotPermitted":         csi.ErrInvalid,
	"TagLimitExceeded":              csi.ErrInvalid,
	"InvalidTagKey.Malformed":       csi.ErrInvalid,
	"ReservedTagNotPermitted":       csi.ErrInvalid,
	"InvalidKmsKeyId":               csi.ErrInvalid,
	"InvalidKmsKeyId.Malformed":     csi.ErrInvalid,
	"InvalidKMSKey.InvalidState":    csi.ErrInvalid,
	"InvalidVolume.ZoneMismatch":    csi.ErrInvalid,
	"InvalidVolumeID.ZoneMismatch":  csi.ErrInvalid,

	// There is no room: in the zone, on the instance, in the account.
	"VolumeLimitExceeded":                 csi.ErrExhausted,
	"AttachmentLimitExceeded":             csi.ErrExhausted,
	"SnapshotLimitExceeded":               csi.ErrExhausted,
	"MaxIOPSLimitExceeded":                csi.ErrExhausted,
	"VolumeIOPSLimit":                     csi.ErrExhausted,
	"MaxSpotInstanceCountExceeded":        csi.ErrExhausted,
	"VolumeModificationSizeLimitExceeded": csi.ErrExhausted,
	"VolumeModificationRateExceeded":      csi.ErrExhausted,
	"FastSnapshotRestoreLimitExceeded":    csi.ErrExhausted,
	"InsufficientVolumeCapacity":          csi.ErrExhausted,
	"InsufficientCapacity":                csi.ErrExhausted,
	"InsufficientInstanceCapacity":        csi.ErrExhausted,
	"InvalidZone.NotFound":                csi.ErrExhausted,
	"VolumeTypeNotAvailableInZone":        csi.ErrExhausted,
	"VolumeTypeNotAvailableInRegion":      csi.ErrExhausted,

	// Something else uses it, and it was left alone.
	"VolumeInUse":                            csi.ErrInUse,
	"InvalidSnapshot.InUse":                  csi.ErrInUse,
	"SnapshotLocked":                         csi.ErrInUse,
	"ResourceAlreadyInUse":                   csi.ErrInUse,
	"DependencyViolation":                    csi.ErrInUse,
	"InvalidDevice.InUse":                    csi.ErrInUse,
	"OperationNotPermittedForLockedSnapshot": csi.ErrInUse,

	// Something else has to end before.
	"IncorrectState":                        csi.ErrPending,
	"IncorrectInstanceState":                csi.ErrPending,
	"IncorrectModificationState":            csi.ErrPending,
	"ConcurrentSnapshotLimitExceeded":       csi.ErrPending,
	"SnapshotCreationPerVolumeRateExceeded": csi.ErrPending,
	"ConcurrentTagAccess":                   csi.ErrPending,
	"ConcurrentCreateVolumeLimitExceeded":   csi.ErrPending,

	"IdempotentParameterMismatch": csi.ErrExists,

	"UnauthorizedOperation": csi.ErrPermission,
	"AccessDenied":          csi.ErrPermission,
	"AccessDeniedException": csi.ErrPermission,
	"OptInRequired":         csi.ErrPermission,
	"PendingVerification":   csi.ErrPermission,
	"Blocked":               csi.ErrPermission,

	"AuthFailure":                 csi.ErrUnauthenticated,
	"ExpiredToken":                csi.ErrUnauthenticated,
	"ExpiredTokenException":       csi.ErrUnauthenticated,
	"RequestExpired":              csi.ErrUnauthenticated,
	"IncompleteSignature":         csi.ErrUnauthenticated,
	"InvalidAccessKeyId":          csi.ErrUnauthenticated,
	"InvalidClientTokenId":        csi.ErrUnauthenticated,
	"MissingAuthenticationToken":  csi.ErrUnauthenticated,
	"SignatureDoesNotMatch":       csi.ErrUnauthenticated,
	"UnrecognizedClientException": csi.ErrUnauthenticated,

	"InvalidAction": csi.ErrUnsupported,
	"UnknownAction": csi.ErrUnsupported,
	"Unsupported":   csi.ErrUnsupported,

	"RequestLimitExceeded":        errThrottled,
	"Client.RequestLimitExceeded": errThrottled,
	"EC2ThrottledException":       errThrottled,
	"RequestThrottled":            errThrottled,
	"RequestThrottledException":   errThrottled,
	"SlowDown":                    errThrottled,
	"Throttling":                  errThrottled,
	"ThrottlingException":         errThrottled,
	"ThrottledException":          errThrottled,
	"TooManyRequestsException":    errThrottled,
}

// An apiError is a failed call: what EC2 said, and what that means.
type apiError struct {
	api, code, message, request string
	means, err                  error
}

// Error has all that AWS support asks for.
func (e *apiError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("%v: EC2 %s: %s", e.means, e.api, e.message)
	}
	return fmt.Sprintf("%v: EC2 %s: %s: %s (request %s)", e.means, e.api, e.code, e.message, e.request)
}

// Unwrap returns the meaning and the cause.
func (e *apiError) Unwrap() []error { return []error{e.means, e.err} }

// meaning translates the error of a call.
func meaning(api string, err error) *apiError {
	e := &apiError{api: api, means: csi.ErrUnavailable, message: err.Error(), err: err}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return e
	}
	e.code, e.message = said.ErrorCode(), said.ErrorMessage()
	if known, ok := ec2Codes[e.code]; ok {
		e.means = known
	}
	var response *http.ResponseError
	if errors.As(err, &response) {
		e.request = response.ServiceRequestID()
	}
	return e
}

// hasCode reports whether EC2 answered with one of the codes.
func hasCode(err error, codes ...string) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.code == code {
			return true
		}
	}
	return false
}

// ended says why a wait was given up: the context, and what was seen last.
func ended(ctx context.Context, last string) error {
	return fmt.Errorf("%w: %w: %s", csi.ErrUnavailable, context.Cause(ctx), last)
}
