package ebs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
)

// Detach implements [csi.Attacher]. It never forces: that loses writes.
func (b *Backend) Detach(ctx context.Context, a csi.Attachment) error {
	if !volumeID.MatchString(a.ID) {
		return nil // no such volume can be attached
	}
	if a.Node != "" {
		return b.detach(ctx, a.ID, a.Node)
	}
	v, err := b.volume(ctx, a.ID)
	if errors.Is(err, csi.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, on := range v.Attachments {
		errs = append(errs, b.detach(ctx, a.ID, aws.ToString(on.InstanceId)))
	}
	return errors.Join(errs...)
}

// detach asks EC2 to detach before it looks: what a read shows may be of before
// the attachment was made, what a change is answered is not.
func (b *Backend) detach(ctx context.Context, id, node string) error {
	if !instanceID.MatchString(node) {
		return nil // no such instance can have it
	}
	for {
		_, err := invoke(ctx, b.c, "DetachVolume", (*ec2.Client).DetachVolume, &ec2.DetachVolumeInput{VolumeId: &id, InstanceId: &node})
		switch {
		case hasCode(err, "InvalidVolume.NotFound", "InvalidAttachment.NotFound"):
			b.detached(id, node)
			return nil
		case err != nil && !hasCode(err, "IncorrectState", "InvalidInstanceID.NotFound"):
			return err
		}
		seen, err := b.awaitDetached(ctx, id, node)
		if err != nil {
			return err
		}
		if seen {
			b.detached(id, node)
			return nil
		}
		// EC2 shows no such volume. That proves nothing; it has to say so.
	}
}

func (b *Backend) detached(id, node string) {
	b.devices.settle(node, id, 0)
	b.accesses.Delete(attachmentKey{id, node})
}

// awaitDetached waits until the volume is seen without the attachment. It
// returns false if the volume is not seen for longer than reads lag.
func (b *Backend) awaitDetached(ctx context.Context, id, node string) (seen bool, err error) {
	state, last := "not seen", time.Now()
	err = b.volumes.watch(ctx, id, 0, func(v types.Volume, found bool) (bool, error) {
		if !found {
			return time.Since(last) > b.o.Consistency, nil
		}
		last = time.Now()
		on := attachmentOn(&v, node)
		if on == nil {
			seen = true
			return true, nil
		}
		state = string(on.State)
		return false, nil
	})
	if err != nil && ctx.Err() != nil {
		hint := ""
		if state == string(types.VolumeAttachmentStateBusy) {
			hint = " (the instance still uses the device: unmount it there)"
		}
		err = ended(ctx, fmt.Sprintf("volume %s is %s on node %s%s", id, state, node, hint))
	}
	return seen, err
}
