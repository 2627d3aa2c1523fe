package ebs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// CreateSnapshot implements [csi.Snapshotter]. Fast snapshot restore and lock
// belong to it: a retry makes up for what is missing of them.
func (b *Backend) CreateSnapshot(ctx context.Context, spec csi.SnapshotSpec) (*csi.Snapshot, error) {
	p, err := parseSnapshotClass(spec.Parameters)
	if err != nil {
		return nil, err
	}
	if !volumeID.MatchString(spec.Volume.ID) {
		return nil, notFound("volume", spec.Volume.ID)
	}
	made, err := b.snapshotNamed(ctx, spec.Name)
	fresh := err == nil && made == nil
	if fresh {
		made, err = b.cut(ctx, spec, p)
	}
	if err != nil {
		return nil, err
	}
	if aws.ToString(made.VolumeId) == spec.Volume.ID { // else the framework refuses it
		if err := b.finish(ctx, []types.Snapshot{*made}, p, fresh); err != nil {
			return nil, err
		}
	}
	return toSnapshot(made), nil
}

// snapshotNamed finds the snapshot of a name, or nil. EC2 has no client token for
// snapshots: if one of this name may just have been cut, by this process or by
// one that ran until this one started, it looks until that would be seen.
func (b *Backend) snapshotNamed(ctx context.Context, name string) (*types.Snapshot, error) {
	list, _, err := b.snapshotsNamed.Find(ctx, name, time.Until(b.certain(name)))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	b.uncertain.Delete(name)
	oldest := slices.MinFunc(list, byAge)
	return &oldest, b.deleteFailed(ctx, []types.Snapshot{oldest})
}

// certain is when reads show what may have been cut by a name.
func (b *Backend) certain(name string) time.Time {
	if at, ok := b.uncertain.Load(name); ok {
		return at.(time.Time).Add(b.o.Consistency)
	}
	return b.started.Add(b.o.Consistency)
}

func byAge(a, b types.Snapshot) int {
	return cmp.Or(aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime)), cmp.Compare(*a.SnapshotId, *b.SnapshotId))
}

// deleteFailed deletes all if one of them has failed, and says so.
func (b *Backend) deleteFailed(ctx context.Context, list []types.Snapshot) error {
	i := slices.IndexFunc(list, func(s types.Snapshot) bool { return s.State == types.SnapshotStateError })
	if i < 0 {
		return nil
	}
	if err := b.deleteAll(ctx, list); err != nil {
		return err
	}
	return fmt.Errorf("%w: snapshot %s failed and was deleted: %s", csi.ErrUnavailable, *list[i].SnapshotId, aws.ToString(list[i].StateMessage))
}

// deleteAll deletes snapshots, of which some may be gone.
func (b *Backend) deleteAll(ctx context.Context, list []types.Snapshot) error {
	for _, s := range list {
		if err := b.DeleteSnapshot(ctx, csi.SnapshotRef{ID: *s.SnapshotId}); err != nil && !errors.Is(err, csi.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (b *Backend) cut(ctx context.Context, spec csi.SnapshotSpec, p *snapshotParameters) (*types.Snapshot, error) {
	tags, err := p.tags.Tags(snapshotFields(spec.Owner), checkTag)
	if err != nil {
		return nil, err
	}
	maps.Copy(tags, b.o.ourTags(tagSnapshotName, spec.Name))
	out, err := b.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{
		VolumeId: &spec.Volume.ID, Description: aws.String("Created by csikit for volume " + spec.Volume.ID),
		OutpostArn: orNil(p.outpost), TagSpecifications: tagSpecification(types.ResourceTypeSnapshot, tags),
	})
	b.uncertain.Store(spec.Name, time.Now()) // also if it was made: the next read may not show it
	if err != nil {
		if awscall.Has(err, "IncorrectState") { // it may be on its way out
			if _, lost := b.volume(ctx, spec.Volume.ID); lost != nil {
				return nil, lost
			}
		}
		return nil, err
	}
	return &types.Snapshot{SnapshotId: out.SnapshotId, VolumeId: out.VolumeId, VolumeSize: out.VolumeSize, StartTime: out.StartTime, State: out.State, OutpostArn: out.OutpostArn}, nil
}

// DeleteSnapshot implements [csi.Snapshotter].
func (b *Backend) DeleteSnapshot(ctx context.Context, s csi.SnapshotRef) error {
	if !snapshotID.MatchString(s.ID) {
		return notFound("snapshot", s.ID)
	}
	_, err := b.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &s.ID})
	return err
}

// Snapshot implements [csi.Snapshotter]. It may be another account's, if that
// has shared it.
func (b *Backend) Snapshot(ctx context.Context, s csi.SnapshotRef) (*csi.Snapshot, error) {
	if !snapshotID.MatchString(s.ID) {
		return nil, notFound("snapshot", s.ID)
	}
	found, err := known(ctx, b, b.snapshots, "snapshot", s.ID)
	switch {
	case err != nil:
		return nil, err
	case found.State == types.SnapshotStateError:
		return nil, fmt.Errorf("%w: snapshot %s failed: %s", csi.ErrFailed, s.ID, aws.ToString(found.StateMessage))
	}
	return toSnapshot(found), nil
}

// ListSnapshots implements [csi.SnapshotLister].
func (b *Backend) ListSnapshots(ctx context.Context, q csi.ListQuery) iter.Seq2[*csi.Snapshot, error] {
	filters := b.ours(tagSnapshotName)
	if q.VolumeID != "" {
		filters = append(filters, filter("volume-id", literal.Replace(q.VolumeID)))
	}
	return awscall.Convert(b.listSnapshots(ctx, self, filters...), func(s *types.Snapshot) *csi.Snapshot {
		if s.State == types.SnapshotStateError {
			return nil
		}
		return toSnapshot(s)
	})
}

func toSnapshot(s *types.Snapshot) *csi.Snapshot {
	group := ""
	if tagValue(s.Tags, tagGroupName) != "" {
		group = tagValue(s.Tags, tagSnapshotName)
	}
	return &csi.Snapshot{
		Group: group,
		ID:    aws.ToString(s.SnapshotId), VolumeID: aws.ToString(s.VolumeId), Size: int64(aws.ToInt32(s.VolumeSize)) * gib,
		Created: aws.ToTime(s.StartTime), Ready: s.State == types.SnapshotStateCompleted,
	}
}
