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

// TestCreateRefusals: EC2's codes and texts for volumes that it does not make.
func TestCreateRefusals(t *testing.T) {
	r := newRegion(t, ec2test.Options{Quotas: ec2test.Quotas{VolumeGiB: 100000, IOPS: 100000}})
	type in = ec2.CreateVolumeInput
	for name, c := range map[string]struct {
		change     func(*in)
		code, text string
	}{
		"type":             {func(i *in) { i.VolumeType = "gp9" }, "UnknownVolumeType", "Unsupported volume type 'gp9' for volume creation."},
		"zone":             {func(i *in) { i.AvailabilityZone = aws.String("us-east-1x") }, "InvalidZone.NotFound", "The zone 'us-east-1x' does not exist."},
		"no zone":          {func(i *in) { i.AvailabilityZone = nil }, "MissingParameter", ""},
		"no size":          {func(i *in) { i.Size = nil }, "MissingParameter", ""},
		"small st1":        {func(i *in) { i.VolumeType, i.Size = "st1", aws.Int32(11) }, "InvalidParameterValue", "Volume of 11GiB is too small for volume type st1; minimum is 125GiB."},
		"large gp2":        {func(i *in) { i.VolumeType, i.Size = "gp2", aws.Int32(16385) }, "InvalidParameterValue", "too large for volume type gp2; maximum is 16384GiB"},
		"large gp3":        {func(i *in) { i.Size = aws.Int32(65537) }, "InvalidParameterValue", "maximum is 65536GiB"},
		"iops of st1":      {func(i *in) { i.VolumeType, i.Size, i.Iops = "st1", aws.Int32(125), aws.Int32(100) }, "InvalidParameterCombination", "The parameter iops is not supported for st1 volumes."},
		"io2 without iops": {func(i *in) { i.VolumeType = "io2" }, "InvalidParameterCombination", "The parameter iops must be specified for io2 volumes."},
		"few iops":         {func(i *in) { i.Iops = aws.Int32(2999) }, "InvalidParameterValue", "Volume iops of 2999 is too low; minimum is 3000."},
		"most iops":        {func(i *in) { i.Iops = aws.Int32(2147483647) }, "InvalidParameterValue", "Volume iops of 2147483647 is too high; maximum is 80000."},
		"iops per GiB":     {func(i *in) { i.Size, i.Iops = aws.Int32(20), aws.Int32(15000) }, "InvalidParameterValue", "Iops to volume size ratio of 750.000000 is too high; maximum is 500"},
		"io1 per GiB":      {func(i *in) { i.VolumeType, i.Iops = "io1", aws.Int32(501) }, "InvalidParameterValue", "maximum is 50"},
		"throughput":       {func(i *in) { i.Throughput = aws.Int32(2001) }, "InvalidParameterValue", "maximum is 2000"},
		"MiB/s per iops":   {func(i *in) { i.Throughput = aws.Int32(1000) }, "InvalidParameterValue", "maximum is 0.250000 MiBps per iops"},
		"gp2 throughput":   {func(i *in) { i.VolumeType, i.Throughput = "gp2", aws.Int32(200) }, "InvalidParameterCombination", "throughput can only be specified for volumeType gp3"},
		"multi-attach gp3": {func(i *in) { i.MultiAttachEnabled = aws.Bool(true) }, "InvalidParameterCombination", "multiAttachEnabled"},
		"rate, no source":  {func(i *in) { i.VolumeInitializationRate = aws.Int32(200) }, "InvalidParameterCombination", "volumeInitializationRate"},
		"key, no encrypt":  {func(i *in) { i.KmsKeyId = aws.String("k") }, "InvalidParameterDependency", "requires the parameter Encrypted"},
		"no snapshot":      {func(i *in) { i.SnapshotId = aws.String("snap-0123456789abcdef0") }, "InvalidSnapshot.NotFound", "The snapshot 'snap-0123456789abcdef0' does not exist."},
		"bad snapshot":     {func(i *in) { i.SnapshotId = aws.String("snap-x") }, "InvalidSnapshotID.Malformed", ""},
		"not a snapshot":   {func(i *in) { i.SnapshotId = aws.String("backup") }, "InvalidParameterValue", "Expected: 'snap-...'."},
		"quota":            {func(i *in) { i.VolumeType, i.Size, i.Iops = "io2", aws.Int32(60000), aws.Int32(100001) }, "MaxIOPSLimitExceeded", ""},
		"reserved tag": {func(i *in) {
			i.TagSpecifications = []types.TagSpecification{{ResourceType: "volume", Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}}}
		}, "InvalidParameterValue", "reserved"},
		"tags of another kind": {func(i *in) {
			i.TagSpecifications = []types.TagSpecification{{ResourceType: "snapshot", Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("")}}}}
		}, "InvalidParameterValue", "'snapshot' is not a valid taggable resource type"},
	} {
		t.Run(name, func(t *testing.T) {
			i := &in{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(10), VolumeType: types.VolumeTypeGp3}
			c.change(i)
			i.DryRun = aws.Bool(true) // which finds out as much
			_, err := r.client.CreateVolume(t.Context(), i)
			require.Equal(t, c.code, code(t, err))
			require.ErrorContains(t, err, c.text)
		})
	}
	require.Len(t, r.Volumes(), 1, "only the root of the instance")
}

// TestPerformanceOfNewVolumes: what a type has if nothing is asked for.
func TestPerformanceOfNewVolumes(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	for name, want := range map[types.VolumeType]struct{ size, iops, throughput int32 }{
		"gp3": {1000, 3000, 125}, "gp2": {1000, 3000, 0}, "st1": {1000, 0, 0}, "standard": {1000, 0, 0},
	} {
		v := r.describe(r.volume(func(i *ec2.CreateVolumeInput) { i.VolumeType, i.Size = name, &want.size }))
		require.Equal(t, want.iops, aws.ToInt32(v.Iops), name)
		require.Equal(t, want.throughput, aws.ToInt32(v.Throughput), name)
	}
	v := r.describe(r.volume(func(i *ec2.CreateVolumeInput) { i.AvailabilityZone, i.AvailabilityZoneId = nil, aws.String("use1-az2") }))
	require.Equal(t, "us-east-1b", *v.AvailabilityZone)
	v = r.describe(r.volume(func(i *ec2.CreateVolumeInput) {
		i.Iops, i.Throughput, i.Size = aws.Int32(80000), aws.Int32(2000), aws.Int32(160)
	}))
	require.EqualValues(t, 80000, *v.Iops)
}

// TestClientToken: the same request is answered with the same volume, another
// one with the same token is refused, until the token has expired.
func TestClientToken(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Create: seconds(2)}})
	token := func(i *ec2.CreateVolumeInput) { i.ClientToken = aws.String("token") }
	id := r.volume(token)
	require.Equal(t, id, r.volume(token))
	r.clock.Step(3 * time.Second)
	out, err := r.client.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(10),
		VolumeType: types.VolumeTypeGp3, ClientToken: aws.String("token")})
	require.NoError(t, err)
	require.Equal(t, types.VolumeStateAvailable, out.State, "as the volume is now")
	_, err = r.client.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(11),
		VolumeType: types.VolumeTypeGp3, ClientToken: aws.String("token")})
	require.Equal(t, "IdempotentParameterMismatch", code(t, err))
	r.clock.Step(25 * time.Hour)
	require.NotEqual(t, id, r.volume(token))
	require.Len(t, r.Volumes(), 3, "with the root of the instance")
}

// TestBadKey: EC2 promises a volume that vanishes, and the token then names
// nothing for good.
func TestBadKey(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Create: seconds(2), KMSFailure: seconds(3)}, BadKeys: []string{"bad"}})
	withKey := func(i *ec2.CreateVolumeInput) {
		i.ClientToken, i.Encrypted, i.KmsKeyId = aws.String("token"), aws.Bool(true), aws.String("bad")
	}
	id := r.volume(withKey)
	r.clock.Step(2 * time.Second)
	require.Equal(t, types.VolumeStateCreating, r.describe(id).State)
	r.clock.Step(time.Second)
	_, err := r.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	require.Equal(t, "InvalidVolume.NotFound", code(t, err))
	require.Equal(t, id, r.volume(withKey), "the burnt token")
	r.SetKey("bad", true)
	mended := r.volume(func(i *ec2.CreateVolumeInput) { i.Encrypted, i.KmsKeyId = aws.Bool(true), aws.String("bad") })
	r.clock.Step(2 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(mended).State)
	good := r.volume(func(i *ec2.CreateVolumeInput) { i.Encrypted = aws.Bool(true) })
	r.clock.Step(2 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(good).State)
	require.Contains(t, *r.describe(good).KmsKeyId, "arn:aws:kms:us-east-1:")
}

// TestCopyVolumes makes a copy that is larger, of another type, in the zone of
// its source.
func TestCopyVolumes(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Create: seconds(1), Copy: seconds(5), Initialize: seconds(60)}})
	id := r.volume(func(i *ec2.CreateVolumeInput) {
		i.AvailabilityZone, i.Encrypted = aws.String("us-east-1c"), aws.Bool(true)
	})
	in := &ec2.CopyVolumesInput{SourceVolumeId: &id, Size: aws.Int32(20), VolumeType: types.VolumeTypeGp3, ClientToken: aws.String("t")}
	_, err := r.client.CopyVolumes(t.Context(), in)
	require.Equal(t, "IncorrectState", code(t, err), "the source is creating")
	r.clock.Step(time.Second)
	out, err := r.client.CopyVolumes(t.Context(), in)
	require.NoError(t, err)
	again, err := r.client.CopyVolumes(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, out.Volumes[0].VolumeId, again.Volumes[0].VolumeId)
	r.clock.Step(5 * time.Second)
	v := r.describe(*out.Volumes[0].VolumeId)
	require.Equal(t, types.VolumeStateAvailable, v.State)
	require.Equal(t, id, *v.SourceVolumeId)
	require.Equal(t, "us-east-1c", *v.AvailabilityZone)
	require.True(t, *v.Encrypted)
	require.EqualValues(t, 20, *v.Size)
	status, err := r.client.DescribeVolumeStatus(t.Context(), &ec2.DescribeVolumeStatusInput{VolumeIds: []string{*v.VolumeId}})
	require.NoError(t, err)
	require.Equal(t, types.InitializationTypeVolumeCopy, status.VolumeStatuses[0].InitializationStatusDetails.InitializationType)
	require.EqualValues(t, 60, *status.VolumeStatuses[0].InitializationStatusDetails.EstimatedTimeToCompleteInSeconds-1)
	_, err = r.client.CopyVolumes(t.Context(), &ec2.CopyVolumesInput{SourceVolumeId: &id, Size: aws.Int32(9), VolumeType: types.VolumeTypeGp3})
	require.Equal(t, "InvalidParameterValue", code(t, err))
}
