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
)

// contextDevice in the publish context is the device name of the attachment, as
// aws-ebs-csi-driver has it. Only Xen instances need it.
const contextDevice = "devicePath"

// An attachmentKey is one volume on one node.
type attachmentKey struct{ volume, node string }

// Attach implements [csi.Attacher].
func (b *Backend) Attach(ctx context.Context, a csi.Attachment) (map[string]string, error) {
	if !volumeID.MatchString(a.ID) {
		return nil, notFound("volume", a.ID)
	}
	instance, err := b.instance(ctx, a.Node)
	if err != nil {
		return nil, err
	}
	device := mappedDevice(instance, a.ID)
	if device != "" {
		if before, ok := b.accesses.Load(attachmentKey{a.ID, a.Node}); ok && !sameAccess(before.(csi.Access), a.Access) {
			return nil, fmt.Errorf("%w: volume %s is attached to node %s as %s, asked for is %s; detach it first", csi.ErrExists, a.ID, a.Node, before.(csi.Access).Mode, a.Access.Mode)
		}
	} else if err := b.attach(ctx, a, mappedNames(instance)); err != nil {
		return nil, err
	}
	if device, err = b.awaitAttached(ctx, a); err != nil {
		return nil, err
	}
	b.accesses.Store(attachmentKey{a.ID, a.Node}, a.Access)
	return map[string]string{contextDevice: device}, nil
}

// sameAccess compares the ways in which an attachment is used, as far as this
// process knows them: EC2 keeps none of it.
func sameAccess(a, b csi.Access) bool { return a.Mode == b.Mode && a.Block == b.Block }

// instance finds the instance of a node, which must be there for good.
func (b *Backend) instance(ctx context.Context, id string) (*types.Instance, error) {
	if !instanceID.MatchString(id) {
		return nil, notFound("instance", id)
	}
	i, found, err := b.instances.find(ctx, id, b.o.Consistency)
	if err == nil && !found {
		err = notFound("instance", id)
	}
	if err == nil && i.State != nil && (i.State.Name == types.InstanceStateNameTerminated || i.State.Name == types.InstanceStateNameShuttingDown) {
		err = fmt.Errorf("%w: instance %s is %s", csi.ErrNotFound, id, i.State.Name)
	}
	return &i, err
}

func mappedDevice(i *types.Instance, volume string) string {
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs != nil && aws.ToString(m.Ebs.VolumeId) == volume {
			return aws.ToString(m.DeviceName)
		}
	}
	return ""
}

func mappedNames(i *types.Instance) (names []string) {
	for _, m := range i.BlockDeviceMappings {
		names = append(names, aws.ToString(m.DeviceName))
	}
	return names
}

// attach starts an attachment, unless there is one: then awaitAttached tells
// whose it is.
func (b *Backend) attach(ctx context.Context, a csi.Attachment, mapped []string) error {
	for {
		device := b.devices.take(a.Node, a.ID, mapped)
		if device == "" {
			return fmt.Errorf("%w: node %s has no device name left", csi.ErrExhausted, a.Node)
		}
		_, err := invoke(ctx, b.c, "AttachVolume", (*ec2.Client).AttachVolume, &ec2.AttachVolumeInput{Device: &device, InstanceId: &a.Node, VolumeId: &a.ID})
		switch {
		case err == nil:
			return nil
		case nameInUse(err):
			b.devices.settle(a.Node, a.ID, doubtfulFor)
			continue
		case errors.Is(err, csi.ErrUnavailable):
			b.devices.settle(a.Node, a.ID, doubtfulFor)
			if ctx.Err() == nil && b.isAttached(ctx, a) {
				return nil
			}
			return err
		}
		b.devices.settle(a.Node, a.ID, 0)
		if hasCode(err, "VolumeInUse", "IncorrectState") {
			return b.whoHas(ctx, a, err)
		}
		return err
	}
}

// nameInUse recognises EC2's "Attachment point /dev/xvdaa is already in use",
// whose code says only that a parameter is invalid.
func nameInUse(err error) bool {
	return hasCode(err, "InvalidParameterValue", "InvalidDevice.InUse") && strings.Contains(err.Error(), "already in use")
}

// isAttached looks whether a call whose answer was lost was executed.
func (b *Backend) isAttached(ctx context.Context, a csi.Attachment) bool {
	ok, start := false, time.Now()
	err := b.volumes.watch(ctx, a.ID, 0, func(v types.Volume, _ bool) (bool, error) {
		ok = attachmentOn(&v, a.Node) != nil
		return ok || time.Since(start) > b.o.Consistency, nil
	})
	return ok && err == nil
}

// whoHas explains why EC2 did not attach: nil if it is attached to this node, or
// is about to be.
func (b *Backend) whoHas(ctx context.Context, a csi.Attachment, refused error) error {
	start, verdict := time.Now(), refused
	err := b.volumes.watch(ctx, a.ID, 0, func(v types.Volume, found bool) (bool, error) {
		switch on := attachmentOn(&v, a.Node); {
		case on != nil && on.State != types.VolumeAttachmentStateDetaching:
			verdict = nil
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
		return !found || time.Since(start) > b.o.Consistency, nil
	})
	return errors.Join(verdict, err)
}

func attachmentOn(v *types.Volume, node string) *types.VolumeAttachment {
	for i := range v.Attachments {
		if a := &v.Attachments[i]; aws.ToString(a.InstanceId) == node && a.State != types.VolumeAttachmentStateDetached {
			return a
		}
	}
	return nil
}

// awaitAttached waits until the attachment is made and returns its device name.
// One that is stuck is undone, so that a retry starts anew with another name.
func (b *Backend) awaitAttached(ctx context.Context, a csi.Attachment) (device string, err error) {
	state, start, last := "not seen", time.Now(), time.Now()
	stuck := false
	err = b.volumes.watch(ctx, a.ID, 0, func(v types.Volume, _ bool) (bool, error) {
		on := attachmentOn(&v, a.Node)
		if on == nil {
			if time.Since(last) > b.o.Consistency {
				return false, fmt.Errorf("%w: volume %s was to be attached to node %s, but EC2 does not show that (%s)", csi.ErrUnavailable, a.ID, a.Node, state)
			}
			return false, nil
		}
		state, device, last = string(on.State), aws.ToString(on.Device), time.Now()
		stuck = on.State != types.VolumeAttachmentStateAttached && time.Since(start) > b.o.AttachTimeout
		return stuck || on.State == types.VolumeAttachmentStateAttached, nil
	})
	if stuck {
		b.devices.settle(a.Node, a.ID, doubtfulFor)
		_, undo := invoke(ctx, b.c, "DetachVolume", (*ec2.Client).DetachVolume, &ec2.DetachVolumeInput{VolumeId: &a.ID, InstanceId: &a.Node})
		return "", errors.Join(fmt.Errorf("%w: volume %s has been %s to node %s as %s for %v; it is detached, and a retry takes another name. If this repeats, the instance may be impaired",
			csi.ErrUnavailable, a.ID, state, a.Node, device, b.o.AttachTimeout), undo)
	}
	if err != nil && ctx.Err() != nil {
		err = ended(ctx, fmt.Sprintf("volume %s on node %s is %s", a.ID, a.Node, state))
	}
	return device, err
}
