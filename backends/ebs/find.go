package ebs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// literal escapes what filters take as wildcards.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

func literals(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = literal.Replace(v)
	}
	return out
}

// ours are the filters of what this driver made, by the tag that holds a name.
func (b *Backend) ours(nameKey string) []types.Filter {
	filters := []types.Filter{filter("tag-key", nameKey)}
	if b.o.ClusterID != "" {
		return append(filters, filter("tag:kubernetes.io/cluster/"+literal.Replace(b.o.ClusterID), "owned"))
	}
	return append(filters, filter("tag:"+tagOurs, "true"))
}

func (b *Backend) describeVolumes(ctx context.Context, filters []types.Filter, page func(types.Volume) bool) error {
	in := &ec2.DescribeVolumesInput{Filters: filters}
	for {
		out, err := invoke(ctx, b.c, "DescribeVolumes", (*ec2.Client).DescribeVolumes, in)
		if err != nil {
			return err
		}
		for _, v := range out.Volumes {
			if !page(v) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

func (b *Backend) fetchVolumes(ctx context.Context, ids []string) (map[string]types.Volume, error) {
	found := map[string]types.Volume{}
	return found, b.describeVolumes(ctx, []types.Filter{filter("volume-id", ids...)}, func(v types.Volume) bool {
		found[aws.ToString(v.VolumeId)] = v
		return true
	})
}

func (b *Backend) fetchVolumesNamed(ctx context.Context, names []string) (map[string][]types.Volume, error) {
	found := map[string][]types.Volume{}
	return found, b.describeVolumes(ctx, []types.Filter{filter("tag:"+tagVolumeName, literals(names)...)}, func(v types.Volume) bool {
		name := tagValue(v.Tags, tagVolumeName)
		found[name] = append(found[name], v)
		return true
	})
}

func (b *Backend) describeSnapshots(ctx context.Context, in *ec2.DescribeSnapshotsInput, page func(types.Snapshot) bool) error {
	for {
		out, err := invoke(ctx, b.c, "DescribeSnapshots", (*ec2.Client).DescribeSnapshots, in)
		if err != nil {
			return err
		}
		for _, s := range out.Snapshots {
			if !page(s) {
				return nil
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

func (b *Backend) fetchSnapshots(ctx context.Context, ids []string) (map[string]types.Snapshot, error) {
	found := map[string]types.Snapshot{}
	in := &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("snapshot-id", ids...)}}
	return found, b.describeSnapshots(ctx, in, func(s types.Snapshot) bool {
		found[aws.ToString(s.SnapshotId)] = s
		return true
	})
}

func (b *Backend) fetchSnapshotsNamed(ctx context.Context, names []string) (map[string][]types.Snapshot, error) {
	found := map[string][]types.Snapshot{}
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{filter("tag:"+tagSnapshotName, literals(names)...)}}
	return found, b.describeSnapshots(ctx, in, func(s types.Snapshot) bool {
		name := tagValue(s.Tags, tagSnapshotName)
		found[name] = append(found[name], s)
		return true
	})
}

func (b *Backend) fetchInstances(ctx context.Context, ids []string) (map[string]types.Instance, error) {
	found := map[string]types.Instance{}
	in := &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("instance-id", ids...)}}
	for {
		out, err := invoke(ctx, b.c, "DescribeInstances", (*ec2.Client).DescribeInstances, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				found[aws.ToString(i.InstanceId)] = i
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

// fetchModifications returns the last modification of each volume.
func (b *Backend) fetchModifications(ctx context.Context, ids []string) (map[string]types.VolumeModification, error) {
	found := map[string]types.VolumeModification{}
	in := &ec2.DescribeVolumesModificationsInput{Filters: []types.Filter{filter("volume-id", ids...)}}
	for {
		out, err := invoke(ctx, b.c, "DescribeVolumesModifications", (*ec2.Client).DescribeVolumesModifications, in)
		if err != nil {
			return nil, err
		}
		for _, m := range out.VolumesModifications {
			id := aws.ToString(m.VolumeId)
			if old, ok := found[id]; !ok || aws.ToTime(old.StartTime).Before(aws.ToTime(m.StartTime)) {
				found[id] = m
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}
