package ebs

import (
	"context"
	"fmt"
	"iter"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
	"github.com/csikit/csikit/internal/poll"
)

// contextMultiAttach in a volume's context says that several nodes may have it.
const contextMultiAttach = "multiAttach"

var (
	volumeID   = regexp.MustCompile(`^vol-([0-9a-f]{8}|[0-9a-f]{17})$`)
	snapshotID = regexp.MustCompile(`^snap-([0-9a-f]{8}|[0-9a-f]{17})$`)
	instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{csi.ErrInvalid}, args...)...)
}

func notFound(kind, id string) error {
	return fmt.Errorf("%w: EC2 has no %s %q", csi.ErrNotFound, kind, id)
}

// Volume implements [csi.Provisioner].
func (b *Backend) Volume(ctx context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	found, err := b.volume(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	return toVolume(found, nil), nil
}

// volume describes a volume that is not being deleted.
func (b *Backend) volume(ctx context.Context, id string) (*types.Volume, error) {
	if !volumeID.MatchString(id) {
		return nil, notFound("volume", id)
	}
	v, err := known(ctx, b, b.volumes, "volume", id)
	if err == nil && gone(v.State) {
		return nil, fmt.Errorf("%w: volume %s is %s", csi.ErrNotFound, id, v.State)
	}
	return v, err
}

// known finds what must be there for good. What is not seen is looked for until
// reads must have caught up with writes: NotFound is final for those who read it.
func known[T any](ctx context.Context, b *Backend, from *poll.Poller[T], kind, id string) (*T, error) {
	thing, found, err := from.Find(ctx, id, b.o.Consistency)
	if err == nil && !found {
		err = notFound(kind, id)
	}
	if err != nil {
		return nil, err
	}
	return &thing, nil
}

func gone(s types.VolumeState) bool {
	return s == types.VolumeStateDeleting || s == types.VolumeStateDeleted
}

// DeleteVolume implements [csi.Provisioner].
func (b *Backend) DeleteVolume(ctx context.Context, v csi.VolumeRef) error {
	if !volumeID.MatchString(v.ID) {
		return notFound("volume", v.ID)
	}
	_, err := b.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &v.ID})
	if awscall.Has(err, "IncorrectState") { // also of one that is being deleted
		found, lost := b.volume(ctx, v.ID)
		if lost != nil {
			return lost
		}
		if len(found.Attachments) > 0 {
			return fmt.Errorf("%w: volume %s is attached: %s", csi.ErrInUse, v.ID, err)
		}
	}
	return err
}

// ListVolumes implements [csi.VolumeLister].
func (b *Backend) ListVolumes(ctx context.Context, _ csi.ListQuery) iter.Seq2[*csi.Volume, error] {
	return awscall.Convert(b.listVolumes(ctx, b.ours(tagVolumeName)...), func(v *types.Volume) *csi.Volume {
		if gone(v.State) {
			return nil
		}
		return toVolume(v, nil)
	})
}

// toVolume describes a volume. term is the topology that it was made for, or
// nil: the keys of the answer are those of the question.
func toVolume(v *types.Volume, term csi.Topology) *csi.Volume {
	out := &csi.Volume{
		ID: aws.ToString(v.VolumeId), Size: int64(aws.ToInt32(v.Size)) * gib,
		Topology: []csi.Topology{volumeTopology(v, term)}, Context: map[string]string{},
	}
	switch {
	case aws.ToString(v.SourceVolumeId) != "":
		out.Source.Volume = *v.SourceVolumeId
	case aws.ToString(v.SnapshotId) != "":
		out.Source.Snapshot = *v.SnapshotId
	}
	if aws.ToBool(v.MultiAttachEnabled) {
		out.Context[contextMultiAttach] = "true"
	}
	for _, a := range v.Attachments {
		if a.State != types.VolumeAttachmentStateDetached && aws.ToString(a.InstanceId) != "" {
			out.Attached = append(out.Attached, csi.Attached{Node: *a.InstanceId})
		}
	}
	return out
}

func tagValue(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
