package ebs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/internal/poll"
)

func (b *Backend) listVolumes(ctx context.Context, filters ...types.Filter) iter.Seq2[types.Volume, error] {
	in := &ec2.DescribeVolumesInput{Filters: filters}
	return pages(&in.NextToken, func() ([]types.Volume, *string, error) {
		out, err := invoke(ctx, b.c, "DescribeVolumes", (*ec2.Client).DescribeVolumes, in)
		return out.Volumes, out.NextToken, err
	})
}

func (b *Backend) fetchVolumes(ctx context.Context, ids []string) (map[string]types.Volume, error) {
	return collect(b.listVolumes(ctx, filter("volume-id", ids...)), func(m map[string]types.Volume, v types.Volume) {
		m[aws.ToString(v.VolumeId)] = v
	})
}

func (b *Backend) fetchVolumesNamed(ctx context.Context, names []string) (map[string][]types.Volume, error) {
	return collect(b.listVolumes(ctx, filter("tag:"+tagVolumeName, literals(names)...)), func(m map[string][]types.Volume, v types.Volume) {
		name := tagValue(v.Tags, tagVolumeName)
		m[name] = append(m[name], v)
	})
}

// self are the owners of a listing of our own snapshots; nil lists those that
// others share too.
var self = []string{"self"}

func (b *Backend) listSnapshots(ctx context.Context, owners []string, filters ...types.Filter) iter.Seq2[types.Snapshot, error] {
	in := &ec2.DescribeSnapshotsInput{OwnerIds: owners, Filters: filters}
	return pages(&in.NextToken, func() ([]types.Snapshot, *string, error) {
		out, err := invoke(ctx, b.c, "DescribeSnapshots", (*ec2.Client).DescribeSnapshots, in)
		return out.Snapshots, out.NextToken, err
	})
}

func (b *Backend) fetchSnapshots(ctx context.Context, ids []string) (map[string]types.Snapshot, error) {
	return collect(b.listSnapshots(ctx, nil, filter("snapshot-id", ids...)), func(m map[string]types.Snapshot, s types.Snapshot) {
		m[aws.ToString(s.SnapshotId)] = s
	})
}

func (b *Backend) fetchSnapshotsNamed(tag string) poll.Read[[]types.Snapshot] {
	return func(ctx context.Context, names []string) (map[string][]types.Snapshot, error) {
		return collect(b.listSnapshots(ctx, self, filter("tag:"+tag, literals(names)...)), func(m map[string][]types.Snapshot, s types.Snapshot) {
			name := tagValue(s.Tags, tag)
			m[name] = append(m[name], s)
		})
	}
}

func (b *Backend) fetchInstances(ctx context.Context, ids []string) (map[string]types.Instance, error) {
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("instance-id", ids...)}}
	reservations := pages(&in.NextToken, func() ([]types.Reservation, *string, error) {
		out, err := invoke(ctx, b.c, "DescribeInstances", (*ec2.Client).DescribeInstances, in)
		return out.Reservations, out.NextToken, err
	})
	return collect(reservations, func(m map[string]types.Instance, r types.Reservation) {
		for _, i := range r.Instances {
			m[aws.ToString(i.InstanceId)] = i
		}
	})
}

// fetchModifications returns the last modification of each volume.
func (b *Backend) fetchModifications(ctx context.Context, ids []string) (map[string]types.VolumeModification, error) {
	in := &ec2.DescribeVolumesModificationsInput{Filters: []types.Filter{filter("volume-id", ids...)}}
	all := pages(&in.NextToken, func() ([]types.VolumeModification, *string, error) {
		out, err := invoke(ctx, b.c, "DescribeVolumesModifications", (*ec2.Client).DescribeVolumesModifications, in)
		return out.VolumesModifications, out.NextToken, err
	})
	return collect(all, func(last map[string]types.VolumeModification, m types.VolumeModification) {
		id := aws.ToString(m.VolumeId)
		if old, ok := last[id]; !ok || aws.ToTime(old.StartTime).Before(aws.ToTime(m.StartTime)) {
			last[id] = m
		}
	})
}
