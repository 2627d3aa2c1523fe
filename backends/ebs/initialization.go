package ebs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/pace"
)

// contextInitialized in a volume's context, as aws-ebs-csi-driver has it, says
// that the volume is attached only when all data of its snapshot has arrived.
const contextInitialized = "blockattachuntilinitialized"

// initializationPoll is the time between two looks at what takes minutes to
// hours.
const initializationPoll = 10 * time.Second

// awaitInitialized waits until nothing of a volume is loaded on first use any
// more. If ctx ends before, the attachment is pending, and a retry goes on.
func (b *Backend) awaitInitialized(ctx context.Context, id string) error {
	for progress := "unknown"; ; {
		out, err := b.ec2.DescribeVolumeStatus(ctx, &ec2.DescribeVolumeStatusInput{VolumeIds: []string{id}})
		if errors.Is(err, csi.ErrNotFound) { // a read that lags, unless the volume is gone
			_, err = b.volume(ctx, id)
		}
		if err != nil {
			return err
		}
		if out != nil && len(out.VolumeStatuses) > 0 {
			d := out.VolumeStatuses[0].InitializationStatusDetails
			if d == nil || aws.ToInt64(d.Progress) >= 100 {
				return nil
			}
			progress = fmt.Sprintf("%d %%, %d s to go", aws.ToInt64(d.Progress), aws.ToInt64(d.EstimatedTimeToCompleteInSeconds))
		}
		if err := pace.Sleep(ctx, initializationPoll); err != nil {
			return fmt.Errorf("%w: %w: volume %s is still being initialized (%s), and blockAttachUntilInitialized is set", csi.ErrPending, err, id, progress)
		}
	}
}
