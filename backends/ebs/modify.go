package ebs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/poll"
)

// A changing is a volume as it is, or as the modification that runs makes it.
type changing struct {
	id string
	shape
	perGiB    int64 // of the tag, if the ratio is to be kept
	last      *types.VolumeModification
	modifying bool
}

// volumeToChange reads a volume and its last modification.
func (b *Backend) volumeToChange(ctx context.Context, id string) (*changing, error) {
	v, err := b.volume(ctx, id)
	if err != nil {
		return nil, err
	}
	m, modified, err := b.modifications.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	c := &changing{id: id}
	name, size, iops, throughput := v.VolumeType, v.Size, v.Iops, v.Throughput
	if modified {
		c.last, c.modifying = &m, m.ModificationState == types.VolumeModificationStateModifying
		if c.modifying {
			name, size, iops, throughput = m.TargetVolumeType, m.TargetSize, m.TargetIops, m.TargetThroughput
		}
	}
	if c.volumeType, err = typeNamed(string(name)); err != nil {
		return nil, fmt.Errorf("%w: volume %s: %w", csi.ErrUnavailable, id, err)
	}
	c.sizeGiB, c.iops, c.throughput = int64(aws.ToInt32(size)), int64(aws.ToInt32(iops)), int64(aws.ToInt32(throughput))
	if tagValue(v.Tags, tagKeepRatio) == "true" {
		c.perGiB, _ = strconv.ParseInt(tagValue(v.Tags, tagIOPSPerGB), 10, 32)
	}
	return c, nil
}

// target is the shape that a volume is to have. What nobody asked to change is 0
// where EC2 decides it.
func (v *changing) target(size csi.SizeRange, p performance) (shape, error) {
	t := v.shape
	if p.volumeType != "" && p.volumeType != t.volumeType.name {
		t.volumeType, _ = typeNamed(p.volumeType) // checked when it was parsed
		t.iops, t.throughput = 0, 0
	}
	if size.Required > t.sizeGiB*gib {
		grown, err := t.volumeType.fit(size)
		if err != nil {
			return t, err
		}
		t.sizeGiB = grown
	}
	if kind := t.volumeType; t.sizeGiB < kind.minGiB || t.sizeGiB > kind.maxGiB {
		return t, invalid("volume %s has %d GiB, and %s volumes have %d to %d", v.id, t.sizeGiB, kind.name, kind.minGiB, kind.maxGiB)
	}
	t.iops, t.throughput = cmp.Or(p.iops, t.iops), cmp.Or(p.throughput, t.throughput)
	kept := p.iops == 0 && (p.keepRatio == nil || *p.keepRatio)
	switch {
	case p.iopsPerGB > 0:
		t.iops = p.iopsPerGB * t.sizeGiB
	case kept && v.perGiB > 0 && t.sizeGiB != v.sizeGiB: // nobody asked for this number: stay within what is possible
		t.iops = min(max(v.perGiB*t.sizeGiB, v.iops, t.volumeType.minIOPS), t.volumeType.mostIOPS(t.sizeGiB))
	}
	return t, v.check(t, p)
}

// check refuses what was asked for and is not possible.
func (v *changing) check(t shape, p performance) error {
	if t.iops > 0 && (t.iops != v.iops || p.iops > 0) {
		if err := t.volumeType.checkIOPS(t.iops, t.sizeGiB); err != nil {
			return fmt.Errorf("volume %s: %w", v.id, err)
		}
	}
	if p.throughput > 0 {
		return t.volumeType.checkThroughput(t.throughput)
	}
	return nil
}

// modify gives the volume its new shape and waits until it has it. v is then as
// the volume is.
func (b *Backend) modify(ctx context.Context, v *changing, size csi.SizeRange, p performance) error {
	t, err := v.target(size, p)
	if err != nil {
		return err
	}
	switch {
	case t == v.shape && v.modifying:
		return b.awaitModified(ctx, v, func(context.Context) (string, bool, error) { return v.id, false, nil })
	case t == v.shape:
		return nil
	case v.modifying:
		return explain(v, fmt.Errorf("%w: volume %s is being modified", csi.ErrPending, v.id))
	}
	return b.awaitModified(ctx, v, func(ctx context.Context) (string, bool, error) {
		out, err := b.ec2.ModifyVolume(ctx, v.request(t))
		if err != nil {
			return "", false, explain(v, err)
		}
		v.shape, v.modifying, v.last = t, true, out.VolumeModification
		return v.id, true, nil
	})
}

// request asks for what differs from the volume as it is.
func (v *changing) request(t shape) *ec2.ModifyVolumeInput {
	in := &ec2.ModifyVolumeInput{VolumeId: &v.id}
	if t.volumeType.name != v.volumeType.name {
		in.VolumeType = types.VolumeType(t.volumeType.name)
	}
	if t.sizeGiB != v.sizeGiB {
		in.Size = orNil(int32(t.sizeGiB))
	}
	if t.iops != v.iops {
		in.Iops = orNil(int32(t.iops))
	}
	if t.throughput != v.throughput {
		in.Throughput = orNil(int32(t.throughput))
	}
	return in
}

// awaitModified waits until a modification takes effect, which is before it is
// completed.
func (b *Backend) awaitModified(ctx context.Context, v *changing, begin poll.Begin) error {
	var since time.Time
	return b.modifications.Follow(ctx, b.times.modify, begin, func(m types.VolumeModification, found bool) (bool, error) {
		if since.IsZero() {
			since = time.Now()
		}
		if found && !aws.ToTime(m.StartTime).Before(aws.ToTime(v.last.StartTime)) { // else the read lags
			v.last, v.modifying = &m, m.ModificationState == types.VolumeModificationStateModifying
		}
		switch {
		case v.last.ModificationState == types.VolumeModificationStateFailed:
			return false, fmt.Errorf("%w: EC2 could not modify volume %s: %s", csi.ErrFailed, v.id, aws.ToString(v.last.StatusMessage))
		case v.modifying && time.Since(since) > b.o.AttachTimeout:
			return false, fmt.Errorf("%w: volume %s is still being modified; %s", csi.ErrPending, v.id, v.history())
		}
		return !v.modifying, nil
	})
}

// history says what the last modification was.
func (v *changing) history() string {
	if v.last == nil {
		return "no modification is on record"
	}
	return fmt.Sprintf("the last one of volume %s began at %s and is %s (%d %%)", v.id,
		aws.ToTime(v.last.StartTime).UTC().Format(time.RFC3339), v.last.ModificationState, aws.ToInt64(v.last.Progress))
}

// retag sets and deletes tags.
func (b *Backend) retag(ctx context.Context, id string, tags map[string]string, untag []string) error {
	var remove []types.Tag
	for _, key := range untag {
		remove = append(remove, types.Tag{Key: aws.String(key)})
	}
	var errs []error
	if len(tags) > 0 {
		_, err := b.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tagList(tags)})
		errs = append(errs, err)
	}
	if len(remove) > 0 {
		_, err := b.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: remove})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: tags of volume %s: %w", csi.ErrUnavailable, id, err)
	}
	return nil
}
