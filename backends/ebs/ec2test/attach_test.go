package ec2test_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

const second = "i-0123456789abcdef2"

func twoNodes() []ec2test.Instance {
	return []ec2test.Instance{{ID: "i-0123456789abcdef1"}, {ID: second}, {ID: "i-0123456789abcdef3", Zone: "us-east-1b"}, {ID: "i-0123456789abcdef4", Type: "m4.large"}}
}

func TestAttachRefusals(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: twoNodes()})
	id := r.volume()
	other := r.volume()
	require.NoError(t, r.attach(id, "/dev/xvdba"))
	for name, c := range map[string]struct{ volume, instance, device, code, text string }{
		"device in use":     {other, r.node, "/dev/xvdba", "InvalidParameterValue", "Invalid value '/dev/xvdba' for unixDevice. Attachment point /dev/xvdba is already in use"},
		"root in use":       {other, r.node, "/dev/sda", "InvalidParameterValue", "Attachment point /dev/sda is already in use"},
		"same by sd name":   {other, r.node, "sdba", "InvalidParameterValue", "sdba is not a valid EBS device name"},
		"device name":       {other, r.node, "/dev/nvme1n1", "InvalidParameterValue", "/dev/nvme1n1 is not a valid EBS device name."},
		"attached here":     {id, r.node, "/dev/xvdbb", "VolumeInUse", id + " is already attached to an instance"},
		"attached there":    {id, second, "/dev/xvdbb", "VolumeInUse", id + " is already attached to an instance"},
		"other zone":        {other, "i-0123456789abcdef3", "/dev/xvdbb", "InvalidVolume.ZoneMismatch", "not in the same availability zone"},
		"no volume":         {"vol-0123456789abcdef0", r.node, "/dev/xvdbb", "InvalidVolume.NotFound", "The volume 'vol-0123456789abcdef0' does not exist."},
		"no instance":       {other, "i-0123456789abcdef9", "/dev/xvdbb", "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef9' does not exist"},
		"malformed":         {"vol-xyz", r.node, "/dev/xvdbb", "InvalidVolumeID.Malformed", "vol-xyz"},
		"not a volume":      {"disk", r.node, "/dev/xvdbb", "InvalidParameterValue", "Expected: 'vol-...'."},
		"malformed machine": {other, "node-1", "/dev/xvdbb", "InvalidInstanceID.Malformed", `Invalid id: "node-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &c.volume, InstanceId: &c.instance, Device: &c.device})
			require.Equal(t, c.code, code(t, err))
			require.ErrorContains(t, err, c.text)
		})
	}
	require.NoError(t, r.SetInstanceState(second, "terminated"))
	_, err := r.client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &other, InstanceId: aws.String(second), Device: aws.String("/dev/xvdbb")})
	require.Equal(t, "IncorrectState", code(t, err))
}

// TestAttachmentLimit: of 27 shared places of an m5.large the root takes one, the
// data volume of the launch one, and the second network interface one.
func TestAttachmentLimit(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{{Interfaces: 2, DataVolumes: 1}}})
	types, err := r.client.DescribeInstanceTypes(t.Context(), &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m5.large"}})
	require.NoError(t, err)
	require.EqualValues(t, 27, *types.InstanceTypes[0].EbsInfo.MaximumEbsAttachments)
	require.EqualValues(t, "shared", types.InstanceTypes[0].EbsInfo.AttachmentLimitType)
	for i := range 24 {
		require.NoError(t, r.attach(r.volume(), fmt.Sprintf("/dev/xvdb%c", 'a'+i)))
	}
	err = r.attach(r.volume(), "/dev/xvdca")
	require.Equal(t, "AttachmentLimitExceeded", code(t, err))
	require.ErrorContains(t, err, "You may attach up to 27 devices for this instance type.")
}

// TestMultiAttach: io2 with the flag can be on several Nitro instances, and each
// attachment ends by itself.
func TestMultiAttach(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: twoNodes()})
	id := r.volume(func(i *ec2.CreateVolumeInput) {
		i.VolumeType, i.Iops, i.MultiAttachEnabled = "io2", aws.Int32(100), aws.Bool(true)
	})
	on := func(instance string) error {
		_, err := r.client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &id, InstanceId: &instance, Device: aws.String("/dev/xvdba")})
		return err
	}
	require.NoError(t, on(r.node))
	require.NoError(t, on(second))
	require.Equal(t, "VolumeInUse", code(t, on(second)))
	require.Equal(t, "InvalidParameterCombination", code(t, on("i-0123456789abcdef4")), "not a Nitro instance")
	_, err := r.client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &id})
	require.Equal(t, "InvalidParameterCombination", code(t, err), "which one?")
	require.NoError(t, r.detach(id))
	require.False(t, r.Attached(id, r.node))
	require.True(t, r.Attached(id, second))
	require.Equal(t, types.VolumeStateInUse, r.describe(id).State)
}

// TestDetach: a detachment takes its time, is no error when asked for again, and
// can be held back.
func TestDetach(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: twoNodes(), Timings: ec2test.Timings{Detach: seconds(5)}})
	id := r.volume()
	require.NoError(t, r.attach(id, "/dev/xvdba"))
	_, err := r.client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &id, InstanceId: aws.String(second)})
	require.Equal(t, "InvalidAttachment.NotFound", code(t, err))
	r.HoldAttachments(id)
	require.NoError(t, r.detach(id))
	require.NoError(t, r.detach(id))
	r.clock.Step(time.Hour)
	require.Equal(t, types.VolumeAttachmentStateDetaching, r.describe(id).Attachments[0].State)
	r.ReleaseAttachments(id)
	require.Empty(t, r.describe(id).Attachments)
	err = r.detach(id)
	require.Equal(t, "IncorrectState", code(t, err))
	require.ErrorContains(t, err, "Volume '"+id+"' is in the 'available' state.")
	require.NoError(t, r.attach(id, "/dev/xvdba"), "the name is free again")
}

// TestHoldAll holds attachments that begin later too.
func TestHoldAll(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	r.HoldAttachments()
	id := r.volume()
	require.NoError(t, r.attach(id, "/dev/xvdba"))
	require.Equal(t, types.VolumeAttachmentStateAttaching, r.describe(id).Attachments[0].State)
	r.ReleaseAttachments()
	require.Equal(t, types.VolumeAttachmentStateAttached, r.describe(id).Attachments[0].State)
}

// TestTermination detaches data and deletes the root.
func TestTermination(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Detach: seconds(5)}})
	id := r.volume()
	require.NoError(t, r.attach(id, "/dev/xvdba"))
	require.NoError(t, r.SetInstanceState(r.node, "terminated"))
	require.Equal(t, types.VolumeStateAvailable, r.describe(id).State)
	require.Len(t, r.Volumes(), 1)
	status, err := r.client.DescribeInstanceStatus(t.Context(), &ec2.DescribeInstanceStatusInput{InstanceIds: []string{r.node}, IncludeAllInstances: aws.Bool(true)})
	require.NoError(t, err)
	require.Equal(t, types.InstanceStateNameTerminated, status.InstanceStatuses[0].InstanceState.Name)
}
