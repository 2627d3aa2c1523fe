package ebs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// ec2Codes says what an error code of EC2 means (API reference, "Error codes for
// the Amazon EC2 API").
var ec2Codes = awscall.NewCodes(map[error]string{
	// What is named is surely not there.
	csi.ErrNotFound: `InvalidVolume.NotFound InvalidVolumeID.Malformed InvalidSnapshot.NotFound InvalidSnapshotID.Malformed
		InvalidInstanceID.NotFound InvalidInstanceID.Malformed InvalidAttachment.NotFound`,
	// What is asked for is wrong, and nothing was done.
	csi.ErrInvalid: `InvalidParameter InvalidParameterValue InvalidParameterCombination InvalidParameterDependency InvalidRequest
		MissingParameter UnknownParameter ValidationError UnknownVolumeType UnknownVolumeType.Unsupported UnsupportedOperation
		OperationNotPermitted TagLimitExceeded InvalidTagKey.Malformed ReservedTagNotPermitted InvalidKmsKeyId
		InvalidKmsKeyId.Malformed InvalidKMSKey.InvalidState InvalidVolume.ZoneMismatch InvalidVolumeID.ZoneMismatch`,
	// There is no room: in the zone, on the instance, in the account.
	csi.ErrExhausted: `VolumeLimitExceeded AttachmentLimitExceeded SnapshotLimitExceeded MaxIOPSLimitExceeded VolumeIOPSLimit
		MaxSpotInstanceCountExceeded VolumeModificationSizeLimitExceeded VolumeModificationRateExceeded
		FastSnapshotRestoreLimitExceeded InsufficientVolumeCapacity InsufficientCapacity InsufficientInstanceCapacity
		InvalidZone.NotFound VolumeTypeNotAvailableInZone VolumeTypeNotAvailableInRegion`,
	// Something else uses it, and it was left alone.
	csi.ErrInUse: `VolumeInUse InvalidSnapshot.InUse SnapshotLocked ResourceAlreadyInUse DependencyViolation InvalidDevice.InUse
		OperationNotPermittedForLockedSnapshot`,
	// Something else has to end before.
	csi.ErrPending: `IncorrectState IncorrectInstanceState IncorrectModificationState ConcurrentSnapshotLimitExceeded
		SnapshotCreationPerVolumeRateExceeded ConcurrentTagAccess ConcurrentCreateVolumeLimitExceeded`,
	csi.ErrExists:     `IdempotentParameterMismatch`,
	csi.ErrPermission: `UnauthorizedOperation AccessDenied AccessDeniedException OptInRequired PendingVerification Blocked`,
	csi.ErrUnauthenticated: `AuthFailure ExpiredToken ExpiredTokenException RequestExpired IncompleteSignature InvalidAccessKeyId
		InvalidClientTokenId MissingAuthenticationToken SignatureDoesNotMatch UnrecognizedClientException`,
	csi.ErrUnsupported: `InvalidAction UnknownAction Unsupported`,
	awscall.ErrThrottled: `RequestLimitExceeded Client.RequestLimitExceeded EC2ThrottledException RequestThrottled
		RequestThrottledException SlowDown Throttling ThrottlingException ThrottledException TooManyRequestsException`,
})

// ended explains the error of a wait that was given up since ctx ended, with what
// was seen last. Other errors explain themselves.
func ended(ctx context.Context, err error, last string) error {
	var call *smithy.OperationError
	if ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) || errors.As(err, &call) {
		return err
	}
	return fmt.Errorf("%w: %w: %s", csi.ErrUnavailable, err, last)
}
