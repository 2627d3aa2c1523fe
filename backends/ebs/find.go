package ebs

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/internal/awscall"
	"github.com/csikit/csikit/internal/poll"
)

func (b *Backend) listVolumes(ctx context.Context, filters ...types.Filter) iter.Seq2[types.Volume, error] {
	p := ec2.NewDescribeVolumesPaginator(b.ec2, &ec2.DescribeVolumesInput{Filters: filters})
	return awscall.Pages(ctx, p, func(out *ec2.DescribeVolumesOutput) []types.Volume { return out.Volumes })
}

func (b *Backend) fetchVolumes(ctx context.Context, ids []string) (map[string]types.Volume, error) {
	return awscall.ByKey(b.listVolumes(ctx, filter("volume-id", ids...)), func(v types.Volume) *string { return v.VolumeId })
}

// fetchVolumesNamed returns those that can be used, or can be soon.
func (b *Backend) fetchVolumesNamed(ctx context.Context, names []string) (map[string][]types.Volume, error) {
	return awscall.Collect(b.listVolumes(ctx, filter("tag:"+tagVolumeName, literals(names)...)), func(m map[string][]types.Volume, v types.Volume) {
		if !gone(v.State) && v.State != types.VolumeStateError {
			name := tagValue(v.Tags, tagVolumeName)
			m[name] = append(m[name], v)
		}
	})
}

// self are the owners of a listing of our own snapshots; nil lists those that
// others share too.
var self = []string{"self"}

func (b *Backend) listSnapshots(ctx context.Context, owners []string, filters ...types.Filter) iter.Seq2[types.Snapshot, error] {
	p := ec2.NewDescribeSnapshotsPaginator(b.ec2, &ec2.DescribeSnapshotsInput{OwnerIds: owners, Filters: filters})
	return awscall.Pages(ctx, p, func(out *ec2.DescribeSnapshotsOutput) []types.Snapshot { return out.Snapshots })
}

func (b *Backend) fetchSnapshots(ctx context.Context, ids []string) (map[string]types.Snapshot, error) {
	return awscall.ByKey(b.listSnapshots(ctx, nil, filter("snapshot-id", ids...)), func(s types.Snapshot) *string { return s.SnapshotId })
}

func (b *Backend) fetchSnapshotsNamed(tag string) poll.Read[[]types.Snapshot] {
	return func(ctx context.Context, names []string) (map[string][]types.Snapshot, error) {
		return awscall.Collect(b.listSnapshots(ctx, self, filter("tag:"+tag, literals(names)...)), func(m map[string][]types.Snapshot, s types.Snapshot) {
			name := tagValue(s.Tags, tag)
			m[name] = append(m[name], s)
		})
	}
}

func (b *Backend) fetchInstances(ctx context.Context, ids []string) (map[string]types.Instance, error) {
	p := ec2.NewDescribeInstancesPaginator(b.ec2, &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("instance-id", ids...)}})
	list := awscall.Pages(ctx, p, func(out *ec2.DescribeInstancesOutput) (all []types.Instance) {
		for _, r := range out.Reservations {
			all = append(all, r.Instances...)
		}
		return all
	})
	return awscall.ByKey(list, func(i types.Instance) *string { return i.InstanceId })
}

// fetchModifications returns the last modification of each volume.
func (b *Backend) fetchModifications(ctx context.Context, ids []string) (map[string]types.VolumeModification, error) {
	p := ec2.NewDescribeVolumesModificationsPaginator(b.ec2, &ec2.DescribeVolumesModificationsInput{Filters: []types.Filter{filter("volume-id", ids...)}})
	all := awscall.Pages(ctx, p, func(out *ec2.DescribeVolumesModificationsOutput) []types.VolumeModification {
		return out.VolumesModifications
	})
	return awscall.Collect(all, func(last map[string]types.VolumeModification, m types.VolumeModification) {
		id := aws.ToString(m.VolumeId)
		if old, ok := last[id]; !ok || aws.ToTime(old.StartTime).Before(aws.ToTime(m.StartTime)) {
			last[id] = m
		}
	})
}
