package ec2test_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

func seconds(n int) ec2test.Span { return ec2test.Span{Min: time.Duration(n) * time.Second} }

// TestVolumeLife walks a volume through all of its states, each of which lasts
// as long as the timings say.
func TestVolumeLife(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Create: seconds(2), Attach: seconds(3), Detach: seconds(4), Delete: seconds(5)}})
	id := r.volume(func(in *ec2.CreateVolumeInput) {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}}
	})
	v := r.describe(id)
	require.Equal(t, types.VolumeStateCreating, v.State)
	require.EqualValues(t, 10, *v.Size)
	require.EqualValues(t, 3000, *v.Iops)
	require.EqualValues(t, 125, *v.Throughput)
	require.Equal(t, "us-east-1a", *v.AvailabilityZone)
	require.Equal(t, "use1-az1", *v.AvailabilityZoneId)
	require.Equal(t, []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}, v.Tags)
	require.True(t, v.CreateTime.Equal(r.clock.Now()))
	require.Equal(t, "IncorrectState", code(t, r.attach(id, "/dev/xvdaa")), "while it is creating")

	r.clock.Step(2 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(id).State)
	require.NoError(t, r.attach(id, "/dev/xvdaa"))
	v = r.describe(id)
	require.Equal(t, types.VolumeStateInUse, v.State)
	require.Equal(t, types.VolumeAttachmentStateAttaching, v.Attachments[0].State)
	require.Equal(t, r.node, *v.Attachments[0].InstanceId)
	require.Equal(t, "/dev/xvdaa", *v.Attachments[0].Device)

	r.clock.Step(3 * time.Second)
	require.Equal(t, types.VolumeAttachmentStateAttached, r.describe(id).Attachments[0].State)
	_, err := r.client.DeleteVolume(r.ctx, &ec2.DeleteVolumeInput{VolumeId: &id})
	require.Equal(t, "VolumeInUse", code(t, err))
	require.NoError(t, r.detach(id))
	require.Equal(t, types.VolumeAttachmentStateDetaching, r.describe(id).Attachments[0].State)

	r.clock.Step(4 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(id).State)
	require.Empty(t, r.describe(id).Attachments)
	require.Equal(t, "IncorrectState", code(t, r.detach(id)), "of what is not attached")
	_, err = r.client.DeleteVolume(r.ctx, &ec2.DeleteVolumeInput{VolumeId: &id})
	require.NoError(t, err)
	require.Equal(t, types.VolumeStateDeleting, r.describe(id).State)

	r.clock.Step(5 * time.Second)
	_, err = r.client.DescribeVolumes(r.ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	require.Equal(t, "InvalidVolume.NotFound", code(t, err))
	require.Len(t, r.CallsTo("AttachVolume"), 2)
	require.Equal(t, []string{id}, r.CallsTo("CreateVolume")[0].IDs, "the log has the id that was made")
	require.Equal(t, 1, r.Refused("VolumeInUse"))
}

// TestInstanceShowsItsMapping: root and attached volumes, by DescribeInstances.
func TestInstanceShowsItsMapping(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Attach: seconds(3)}})
	id := r.volume()
	require.NoError(t, r.attach(id, "/dev/xvdba"))
	out, err := r.client.DescribeInstances(r.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{r.node}})
	require.NoError(t, err)
	i := out.Reservations[0].Instances[0]
	require.Equal(t, types.InstanceStateNameRunning, i.State.Name)
	require.Equal(t, types.InstanceTypeM5Large, i.InstanceType)
	require.Equal(t, "us-east-1a", *i.Placement.AvailabilityZone)
	require.Len(t, i.BlockDeviceMappings, 2)
	require.Equal(t, "/dev/xvda", *i.BlockDeviceMappings[0].DeviceName)
	require.Equal(t, "/dev/xvdba", *i.BlockDeviceMappings[1].DeviceName)
	require.Equal(t, id, *i.BlockDeviceMappings[1].Ebs.VolumeId)
	require.Equal(t, types.AttachmentStatusAttaching, i.BlockDeviceMappings[1].Ebs.Status)
}
