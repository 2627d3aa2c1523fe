package ebs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// contextDevice in the publish context is the device name of the attachment, as
// aws-ebs-csi-driver has it. Only Xen instances need it.
const contextDevice = "devicePath"

// An attachmentKey is one volume on one node.
type attachmentKey struct{ volume, node string }

// An attaching is one attachment on its way.
type attaching struct {
	csi.Attachment
	b             *Backend
	began, last   time.Time // the call, and when it was seen last
	state, device string    // as seen last
	stuck         bool
}

// Attach implements [csi.Attacher]. One that is stuck is undone, so that a retry
// starts anew with another name.
func (b *Backend) Attach(ctx context.Context, attachment csi.Attachment) (map[string]string, error) {
	a := &attaching{Attachment: attachment, b: b, state: "not seen"}
	if !volumeID.MatchString(a.ID) {
		return nil, notFound("volume", a.ID)
	}
	if a.Context[contextInitialized] == "true" {
		if err := b.awaitInitialized(ctx, a.ID); err != nil {
			return nil, err
		}
	}
	err := b.volumes.Follow(ctx, b.times.attach, a.begin, a.look)
	switch {
	case a.stuck:
		b.devices.Settle(a.Node, a.ID, doubtfulFor)
		_, undo := b.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &a.ID, InstanceId: &a.Node})
		return nil, errors.Join(fmt.Errorf("%w: volume %s has been %s to node %s as %s for %v; it is detached, and a retry takes another name. If this repeats, the instance may be impaired",
			csi.ErrUnavailable, a.ID, a.state, a.Node, a.device, b.o.AttachTimeout), undo)
	case err != nil:
		return nil, ended(ctx, err, fmt.Sprintf("volume %s on node %s is %s", a.ID, a.Node, a.state))
	}
	b.accesses.Store(attachmentKey{a.ID, a.Node}, a.Access)
	return map[string]string{contextDevice: a.device}, nil
}

// begin starts the attachment, unless there is one.
func (a *attaching) begin(ctx context.Context) (id string, begun bool, err error) {
	b := a.b
	for {
		device, err := b.deviceName(ctx, a.Node, a.ID)
		if err != nil {
			return "", false, err
		}
		_, err = b.ec2.AttachVolume(ctx, &ec2.AttachVolumeInput{Device: &device, InstanceId: &a.Node, VolumeId: &a.ID})
		a.began, a.last = time.Now(), time.Now()
		switch {
		case err == nil:
			return a.ID, true, nil
		case nameInUse(err):
			b.devices.Settle(a.Node, a.ID, doubtfulFor)
			continue
		case errors.Is(err, csi.ErrUnavailable):
			b.devices.Settle(a.Node, a.ID, doubtfulFor)
			if ctx.Err() == nil && a.isMade(ctx) {
				return a.ID, false, nil
			}
			return "", false, err
		case awscall.Has(err, "VolumeInUse", "IncorrectState"):
			err = a.whoHas(ctx, err)
		}
		if err != nil {
			b.devices.Settle(a.Node, a.ID, 0)
		}
		return a.ID, false, err
	}
}

// look waits until the attachment is made. One that is not seen for longer than
// reads lag is lost.
func (a *attaching) look(v types.Volume, _ bool) (done bool, err error) {
	on := attachmentOn(&v, a.Node)
	if on == nil {
		if time.Since(a.last) > a.b.o.Consistency {
			return false, fmt.Errorf("%w: volume %s was to be attached to node %s, but EC2 does not show that (%s)", csi.ErrUnavailable, a.ID, a.Node, a.state)
		}
		return false, nil
	}
	a.state, a.device, a.last = string(on.State), aws.ToString(on.Device), time.Now()
	a.stuck = on.State != types.VolumeAttachmentStateAttached && time.Since(a.began) > a.b.o.AttachTimeout
	return a.stuck || on.State == types.VolumeAttachmentStateAttached, nil
}

// nameInUse recognises EC2's "Attachment point /dev/xvdaa is already in use",
// whose code says only that a parameter is invalid.
func nameInUse(err error) bool {
	return awscall.Has(err, "InvalidParameterValue", "InvalidDevice.InUse") && strings.Contains(err.Error(), "already in use")
}

// isMade looks whether a call whose answer was lost was executed.
func (a *attaching) isMade(ctx context.Context) (made bool) {
	err := a.b.volumes.Watch(ctx, a.ID, func(v types.Volume, _ bool) (bool, error) {
		made = attachmentOn(&v, a.Node) != nil
		return made || time.Since(a.began) > a.b.o.Consistency, nil
	})
	return made && err == nil
}

// whoHas explains why EC2 did not attach: nil if the volume is attached to this
// node, or is about to be.
func (a *attaching) whoHas(ctx context.Context, refused error) error {
	if _, err := a.b.instance(ctx, a.Node); err != nil {
		return err
	}
	verdict := refused
	err := a.b.volumes.Watch(ctx, a.ID, func(v types.Volume, found bool) (bool, error) {
		switch on := attachmentOn(&v, a.Node); {
		case on != nil && on.State != types.VolumeAttachmentStateDetaching:
			verdict = a.compare()
			return true, nil
		case on != nil:
			verdict = fmt.Errorf("%w: volume %s is being detached from node %s: %s", csi.ErrPending, a.ID, a.Node, refused)
			return true, nil
		case len(v.Attachments) > 0:
			other := v.Attachments[0]
			verdict = fmt.Errorf("%w: volume %s is %s to node %s (as %s), and can be attached to one node only; detach it there first",
				csi.ErrInUse, a.ID, other.State, aws.ToString(other.InstanceId), aws.ToString(other.Device))
			return true, nil
		}
		return !found || time.Since(a.began) > a.b.o.Consistency, nil
	})
	return errors.Join(verdict, err)
}

// compare refuses an attachment that exists to be used in another way, as far as
// this process knows: EC2 keeps none of it.
func (a *attaching) compare() error {
	known, ok := a.b.accesses.Load(attachmentKey{a.ID, a.Node})
	if before, _ := known.(csi.Access); ok && (before.Mode != a.Access.Mode || before.Block != a.Access.Block) {
		return fmt.Errorf("%w: volume %s is attached to node %s as %s, asked for is %s; detach it first", csi.ErrExists, a.ID, a.Node, before.Mode, a.Access.Mode)
	}
	return nil
}

func attachmentOn(v *types.Volume, node string) *types.VolumeAttachment {
	for i := range v.Attachments {
		if a := &v.Attachments[i]; aws.ToString(a.InstanceId) == node && a.State != types.VolumeAttachmentStateDetached {
			return a
		}
	}
	return nil
}
