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

func (r *region) modify(id string, in ec2.ModifyVolumeInput) error {
	in.VolumeId = &id
	_, err := r.client.ModifyVolume(r.ctx, &in)
	return err
}

func (r *region) modification(id string) types.VolumeModification {
	r.Helper()
	out, err := r.client.DescribeVolumesModifications(r.ctx, &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{id}})
	require.NoError(r, err)
	return out.VolumesModifications[0]
}

// TestModification goes from modifying, when the volume is as it was, to
// optimizing, when it is as asked, to completed. Only then it may be modified
// again, four times a day.
func TestModification(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Modify: seconds(5), Optimize: seconds(100)}})
	id := r.volume()
	require.NoError(t, r.modify(id, ec2.ModifyVolumeInput{Size: aws.Int32(20), Iops: aws.Int32(4000)}))
	m := r.modification(id)
	require.Equal(t, types.VolumeModificationStateModifying, m.ModificationState)
	require.EqualValues(t, 10, *r.describe(id).Size)
	require.EqualValues(t, []int32{10, 20, 3000, 4000}, []int32{*m.OriginalSize, *m.TargetSize, *m.OriginalIops, *m.TargetIops})
	err := r.modify(id, ec2.ModifyVolumeInput{Size: aws.Int32(30)})
	require.Equal(t, "IncorrectModificationState", code(t, err))
	require.ErrorContains(t, err, "Volume "+id+" cannot be modified in modification state MODIFYING")

	r.clock.Step(5 * time.Second)
	require.EqualValues(t, 20, *r.describe(id).Size)
	require.EqualValues(t, 4000, *r.describe(id).Iops)
	r.clock.Step(50 * time.Second)
	require.Equal(t, types.VolumeModificationStateOptimizing, r.modification(id).ModificationState)
	require.EqualValues(t, 50, *r.modification(id).Progress)
	require.Equal(t, "IncorrectModificationState", code(t, r.modify(id, ec2.ModifyVolumeInput{Size: aws.Int32(30)})))

	for range 3 {
		r.clock.Step(time.Hour)
		require.Equal(t, types.VolumeModificationStateCompleted, r.modification(id).ModificationState)
		require.NoError(t, r.modify(id, ec2.ModifyVolumeInput{Throughput: aws.Int32(*r.describe(id).Throughput + 1)}))
	}
	r.clock.Step(time.Hour)
	err = r.modify(id, ec2.ModifyVolumeInput{Size: aws.Int32(30)})
	require.Equal(t, "VolumeModificationRateExceeded", code(t, err))
	require.ErrorContains(t, err, "You've reached the maximum modification rate per volume limit.")
	r.clock.Step(20 * time.Hour)
	require.NoError(t, r.modify(id, ec2.ModifyVolumeInput{Size: aws.Int32(30)}), "the first one is a day ago")
}

func TestModifyRefusals(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	id := r.volume()
	for name, c := range map[string]struct {
		in         ec2.ModifyVolumeInput
		code, text string
	}{
		"smaller": {ec2.ModifyVolumeInput{Size: aws.Int32(9)}, "InvalidParameterValue", "New size cannot be smaller than existing size"},
		"nothing": {ec2.ModifyVolumeInput{}, "MissingParameter", ""},
		"iops":    {ec2.ModifyVolumeInput{Iops: aws.Int32(5001)}, "InvalidParameterValue", "ratio"},
		"type":    {ec2.ModifyVolumeInput{VolumeType: "st1"}, "InvalidParameterValue", "minimum is 125GiB"},
		"shared":  {ec2.ModifyVolumeInput{MultiAttachEnabled: aws.Bool(true)}, "InvalidParameterCombination", ""},
		"dry":     {ec2.ModifyVolumeInput{Size: aws.Int32(11), DryRun: aws.Bool(true)}, "DryRunOperation", ""},
	} {
		err := r.modify(id, c.in)
		require.Equal(t, c.code, code(t, err), name)
		require.ErrorContains(t, err, c.text, name)
	}
	require.NoError(t, r.modify(id, ec2.ModifyVolumeInput{VolumeType: "gp2"}), "the IOPS of gp3 do not stand in the way")
	require.EqualValues(t, 100, *r.describe(id).Iops)
}

// TestVolumeStatus: a volume is impaired until its I/O is enabled again.
func TestVolumeStatus(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	id := r.volume()
	status := func() types.VolumeStatusItem {
		out, err := r.client.DescribeVolumeStatus(t.Context(), &ec2.DescribeVolumeStatusInput{VolumeIds: []string{id}})
		require.NoError(t, err)
		return out.VolumeStatuses[0]
	}
	require.Equal(t, types.VolumeStatusInfoStatusOk, status().VolumeStatus.Status)
	require.NoError(t, r.SetVolumeStatus(id, "impaired"))
	require.Equal(t, types.VolumeStatusInfoStatusImpaired, status().VolumeStatus.Status)
	require.Equal(t, "enable-volume-io", *status().Actions[0].Code)
	require.Equal(t, types.VolumeStatusNameIoEnabled, status().VolumeStatus.Details[0].Name)
	require.Equal(t, "failed", *status().VolumeStatus.Details[0].Status)
	_, err := r.client.EnableVolumeIO(t.Context(), &ec2.EnableVolumeIOInput{VolumeId: &id})
	require.NoError(t, err)
	require.Equal(t, types.VolumeStatusInfoStatusWarning, status().VolumeStatus.Status)
}
