package ec2test_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

func where(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// found lists the ids that filters find.
func (r *region) found(filters ...types.Filter) (ids []string) {
	r.Helper()
	out, err := r.client.DescribeVolumes(r.ctx, &ec2.DescribeVolumesInput{Filters: filters})
	require.NoError(r, err)
	for _, v := range out.Volumes {
		ids = append(ids, *v.VolumeId)
	}
	return ids
}

// TestOneUnknownIDFailsTheCall, though the others exist; a filter does not mind.
func TestOneUnknownIDFailsTheCall(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	id, unknown := r.volume(), "vol-0123456789abcdef0"
	_, err := r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{id, unknown}})
	require.Equal(t, "InvalidVolume.NotFound", code(t, err))
	require.ErrorContains(t, err, unknown)
	require.Equal(t, []string{id}, r.found(where("volume-id", id, unknown)))
	_, err = r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{id, "vol-1"}})
	require.Equal(t, "InvalidVolumeID.Malformed", code(t, err))
	_, err = r.client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{r.node, "i-0123456789abcdef0"}})
	require.Equal(t, "InvalidInstanceID.NotFound", code(t, err))
	_, err = r.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{"snap-0123456789abcdef0"}})
	require.Equal(t, "InvalidSnapshot.NotFound", code(t, err))
	_, err = r.client.DescribeVolumesModifications(t.Context(), &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{id}})
	require.Equal(t, "InvalidVolumeModification.NotFound", code(t, err))
}

func TestFilters(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	tagged := func(tags ...string) func(*ec2.CreateVolumeInput) {
		return func(i *ec2.CreateVolumeInput) {
			spec := types.TagSpecification{ResourceType: "volume"}
			for j := 0; j < len(tags); j += 2 {
				spec.Tags = append(spec.Tags, types.Tag{Key: &tags[j], Value: &tags[j+1]})
			}
			i.TagSpecifications = []types.TagSpecification{spec}
		}
	}
	a, b := r.volume(tagged("name", "pvc-1", "path/key", "x")), r.volume(tagged("name", "pvc-22"))
	require.NoError(t, r.attach(b, "/dev/xvdba"))
	both := slices.Sorted(slices.Values([]string{a, b}))
	for name, c := range map[string]struct {
		filters []types.Filter
		want    []string
	}{
		"tag":         {[]types.Filter{where("tag:name", "pvc-1")}, []string{a}},
		"either":      {[]types.Filter{where("tag:name", "pvc-1", "pvc-22")}, both},
		"both":        {[]types.Filter{where("tag:name", "pvc-*"), where("status", "in-use")}, []string{b}},
		"star":        {[]types.Filter{where("tag:name", "pvc-*")}, both},
		"mark":        {[]types.Filter{where("tag:name", "pvc-?")}, []string{a}},
		"plain star":  {[]types.Filter{where("tag:name", `pvc-\*`)}, nil},
		"tag-key":     {[]types.Filter{where("tag-key", "path/key")}, []string{a}},
		"key star":    {[]types.Filter{where("tag-key", "pa*y")}, []string{a}},
		"status":      {[]types.Filter{where("status", "available")}, []string{a}},
		"instance":    {[]types.Filter{where("attachment.instance-id", r.node), where("attachment.device", "/dev/xvdba")}, []string{b}},
		"attachment":  {[]types.Filter{where("attachment.status", "attached"), where("size", "10")}, []string{b}},
		"no such tag": {[]types.Filter{where("tag:other", "*")}, nil},
	} {
		require.Equal(t, c.want, r.found(c.filters...), name)
	}
	_, err := r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: []types.Filter{where("colour", "red")}})
	require.Equal(t, "InvalidParameterValue", code(t, err))
	require.ErrorContains(t, err, "The filter 'colour' is invalid")
	many := where("volume-id")
	for i := range 201 {
		many.Values = append(many.Values, fmt.Sprintf("vol-%017x", i))
	}
	_, err = r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: []types.Filter{many}})
	require.Equal(t, "FilterLimitExceeded", code(t, err))
}

func TestPages(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{}})
	want := map[string]bool{}
	for range 12 {
		want[r.volume()] = true
	}
	var sizes []int
	pages := ec2.NewDescribeVolumesPaginator(r.client, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		sizes = append(sizes, len(page.Volumes))
		for _, v := range page.Volumes {
			require.True(t, want[*v.VolumeId])
			delete(want, *v.VolumeId)
		}
	}
	require.Empty(t, want)
	require.Equal(t, []int{5, 5, 2}, sizes)
	for name, in := range map[string]*ec2.DescribeVolumesInput{
		"few":      {MaxResults: aws.Int32(4)},
		"many":     {MaxResults: aws.Int32(1001)},
		"with ids": {MaxResults: aws.Int32(5), VolumeIds: []string{"vol-0123456789abcdef0"}},
		"token":    {NextToken: aws.String("made up")},
	} {
		_, err := r.client.DescribeVolumes(t.Context(), in)
		require.Contains(t, []string{"InvalidParameterValue", "InvalidParameterCombination"}, code(t, err), name)
	}
}

// TestLag: a change is visible to readers only later, while the server acts on
// the truth; and the mapping of an instance is later still.
func TestLag(t *testing.T) {
	r := newRegion(t, ec2test.Options{Lag: seconds(10), MappingLag: seconds(5)})
	id := r.volume()
	_, err := r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	require.Equal(t, "InvalidVolume.NotFound", code(t, err), "created, but not yet to be seen")
	require.NoError(t, r.attach(id, "/dev/xvdba"), "EC2 itself knows it")
	r.clock.Step(10 * time.Second)
	require.Equal(t, types.VolumeStateInUse, r.describe(id).State)
	mapped := func() int {
		out, err := r.client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		require.NoError(t, err)
		return len(out.Reservations[0].Instances[0].BlockDeviceMappings)
	}
	require.Equal(t, 1, mapped(), "the root")
	r.clock.Step(5 * time.Second)
	require.Equal(t, 2, mapped())

	require.NoError(t, r.detach(id))
	require.False(t, r.Attached(id, r.node))
	require.Equal(t, types.VolumeStateInUse, r.describe(id).State, "the old view")
	r.clock.Step(10 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(id).State)
	_, err = r.client.DeleteVolume(t.Context(), &ec2.DeleteVolumeInput{VolumeId: &id})
	require.NoError(t, err)
	require.Equal(t, types.VolumeStateAvailable, r.describe(id).State, "deleted, but still to be seen")
}

func TestTags(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	id := r.volume()
	tags := func(kv ...string) (all []types.Tag) {
		for i := 0; i < len(kv); i += 2 {
			all = append(all, types.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		return all
	}
	_, err := r.client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id, r.node}, Tags: tags("a", "1", "b", "2")})
	require.NoError(t, err)
	_, err = r.client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("other")}, {Key: aws.String("b")}}})
	require.NoError(t, err)
	require.Equal(t, tags("a", "1"), r.describe(id).Tags, "a has another value, b is gone")
	out, err := r.client.DescribeTags(t.Context(), &ec2.DescribeTagsInput{Filters: []types.Filter{where("resource-id", r.node), where("key", "b")}})
	require.NoError(t, err)
	require.Equal(t, types.ResourceTypeInstance, out.Tags[0].ResourceType)
	_, err = r.client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id, "vol-0123456789abcdef0"}, Tags: tags("c", "3")})
	require.Equal(t, "InvalidVolume.NotFound", code(t, err))
	require.Len(t, r.describe(id).Tags, 1, "all or nothing")
}

func TestZones(t *testing.T) {
	r := newRegion(t, ec2test.Options{Region: "ap-southeast-2"})
	out, err := r.client.DescribeAvailabilityZones(t.Context(), &ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"apse2-az3"}})
	require.NoError(t, err)
	require.Len(t, out.AvailabilityZones, 1)
	require.Equal(t, "ap-southeast-2c", *out.AvailabilityZones[0].ZoneName)
	_, err = r.client.DescribeAvailabilityZones(t.Context(), &ec2.DescribeAvailabilityZonesInput{DryRun: aws.Bool(true)})
	require.Equal(t, "DryRunOperation", code(t, err))
}
