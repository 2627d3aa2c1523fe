package ebs

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

// errThrottled says that EC2 refused a call because of its rate. It never
// leaves the client, which waits and calls again.
var errThrottled = errors.New("throttled")

// codesByMeaning says what an error code of EC2 means (API reference, "Error codes
// for the Amazon EC2 API"). A code that is not listed, and an answer that never
// came, is [csi.ErrUnavailable]: the call may have been executed.
var codesByMeaning = []struct {
	means error
	codes string
}{
	// What is named is surely not there.
	{csi.ErrNotFound, `InvalidVolume.NotFound InvalidVolumeID.Malformed InvalidSnapshot.NotFound InvalidSnapshotID.Malformed
		InvalidInstanceID.NotFound InvalidInstanceID.Malformed InvalidAttachment.NotFound`},
	// What is asked for is wrong, and nothing was done.
	{csi.ErrInvalid, `InvalidParameter InvalidParameterValue InvalidParameterCombination InvalidParameterDependency InvalidRequest
		MissingParameter UnknownParameter ValidationError UnknownVolumeType UnknownVolumeType.Unsupported UnsupportedOperation
		OperationNotPermitted TagLimitExceeded InvalidTagKey.Malformed ReservedTagNotPermitted InvalidKmsKeyId
		InvalidKmsKeyId.Malformed InvalidKMSKey.InvalidState InvalidVolume.ZoneMismatch InvalidVolumeID.ZoneMismatch`},
	// There is no room: in the zone, on the instance, in the account.
	{csi.ErrExhausted, `VolumeLimitExceeded AttachmentLimitExceeded SnapshotLimitExceeded MaxIOPSLimitExceeded VolumeIOPSLimit
		MaxSpotInstanceCountExceeded VolumeModificationSizeLimitExceeded VolumeModificationRateExceeded
		FastSnapshotRestoreLimitExceeded InsufficientVolumeCapacity InsufficientCapacity InsufficientInstanceCapacity
		InvalidZone.NotFound VolumeTypeNotAvailableInZone VolumeTypeNotAvailableInRegion`},
	// Something else uses it, and it was left alone.
	{csi.ErrInUse, `VolumeInUse InvalidSnapshot.InUse SnapshotLocked ResourceAlreadyInUse DependencyViolation InvalidDevice.InUse
		OperationNotPermittedForLockedSnapshot`},
	// Something else has to end before.
	{csi.ErrPending, `IncorrectState IncorrectInstanceState IncorrectModificationState ConcurrentSnapshotLimitExceeded
		SnapshotCreationPerVolumeRateExceeded ConcurrentTagAccess ConcurrentCreateVolumeLimitExceeded`},
	{csi.ErrExists, `IdempotentParameterMismatch`},
	{csi.ErrPermission, `UnauthorizedOperation AccessDenied AccessDeniedException OptInRequired PendingVerification Blocked`},
	{csi.ErrUnauthenticated, `AuthFailure ExpiredToken ExpiredTokenException RequestExpired IncompleteSignature InvalidAccessKeyId
		InvalidClientTokenId MissingAuthenticationToken SignatureDoesNotMatch UnrecognizedClientException`},
	{csi.ErrUnsupported, `InvalidAction UnknownAction Unsupported`},
	{errThrottled, `RequestLimitExceeded Client.RequestLimitExceeded EC2ThrottledException RequestThrottled
		RequestThrottledException SlowDown Throttling ThrottlingException ThrottledException TooManyRequestsException`},
}

// ec2Codes is the same by code.
var ec2Codes = func() map[string]error {
	m := map[string]error{}
	for _, row := range codesByMeaning {
		for code := range strings.FieldsSeq(row.codes) {
			m[code] = row.means
		}
	}
	return m
}()

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
	return errors.As(err, &e) && slices.Contains(codes, e.code)
}

// ended explains the error of a wait that was given up since ctx ended, with what
// was seen last. Other errors explain themselves.
func ended(ctx context.Context, err error, last string) error {
	var call *apiError
	if ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) || errors.As(err, &call) {
		return err
	}
	return fmt.Errorf("%w: %w: %s", csi.ErrUnavailable, err, last)
}
