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
	"github.com/csikit/csikit/internal/awscall"
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

// A detaching is one detachment on its way.
type detaching struct {
	b        *Backend
	id, node string
	state    string    // as seen last
	last     time.Time // when the volume was seen last
	gone     bool      // EC2 says that there is no such attachment
	seen     bool      // the volume, without the attachment
}

// detach asks EC2 to detach before it looks: what a read shows may be of before
// the attachment was made, what a change is answered is not. What EC2 does not
// show proves nothing: it has to say so.
func (b *Backend) detach(ctx context.Context, id, node string) error {
	if !instanceID.MatchString(node) {
		return nil // no such instance can have it
	}
	d := &detaching{b: b, id: id, node: node, state: "not seen"}
	for !d.gone && !d.seen {
		err := b.volumes.Follow(ctx, b.times.detach, d.begin, d.look)
		if err != nil && !d.gone {
			return ended(ctx, err, d.describe())
		}
	}
	b.devices.Settle(node, id, 0)
	b.accesses.Delete(attachmentKey{id, node})
	return nil
}

func (d *detaching) begin(ctx context.Context) (id string, begun bool, err error) {
	_, err = d.b.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &d.id, InstanceId: &d.node})
	d.last = time.Now()
	d.gone = awscall.Has(err, "InvalidVolume.NotFound", "InvalidAttachment.NotFound")
	if awscall.Has(err, "IncorrectState", "InvalidInstanceID.NotFound") {
		return d.id, false, nil // it may be detached, or on its way
	}
	return d.id, true, err
}

// look waits until the volume is seen without the attachment, or is not seen for
// longer than reads lag.
func (d *detaching) look(v types.Volume, found bool) (done bool, err error) {
	if !found {
		return time.Since(d.last) > d.b.o.Consistency, nil
	}
	d.last = time.Now()
	on := attachmentOn(&v, d.node)
	if on != nil {
		d.state = string(on.State)
	}
	d.seen = on == nil
	return d.seen, nil
}

// describe says what was seen last.
func (d *detaching) describe() string {
	hint := ""
	if d.state == string(types.VolumeAttachmentStateBusy) {
		hint = " (the instance still uses the device: unmount it there)"
	}
	return fmt.Sprintf("volume %s is %s on node %s%s", d.id, d.state, d.node, hint)
}
