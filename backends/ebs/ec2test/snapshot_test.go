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

func (r *region) snapshot(volume string) string {
	r.Helper()
	out, err := r.client.CreateSnapshot(r.ctx, &ec2.CreateSnapshotInput{VolumeId: &volume})
	require.NoError(r, err)
	require.Equal(r, types.SnapshotStatePending, out.State)
	return *out.SnapshotId
}

func (r *region) describeSnapshot(id string) types.Snapshot {
	r.Helper()
	out, err := r.client.DescribeSnapshots(r.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
	require.NoError(r, err)
	return out.Snapshots[0]
}

// TestSnapshotLife: pending with progress, completed, restored, deleted.
func TestSnapshotLife(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Snapshot: seconds(10), Restore: seconds(3)}})
	id := r.snapshot(r.volume())
	r.clock.Step(4 * time.Second)
	require.Equal(t, "40%", *r.describeSnapshot(id).Progress)
	larger := &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1b"), SnapshotId: &id, Size: aws.Int32(600), VolumeType: "st1"}
	_, err := r.client.CreateVolume(t.Context(), larger)
	require.Equal(t, "IncorrectState", code(t, err))
	r.clock.Step(6 * time.Second)
	s := r.describeSnapshot(id)
	require.Equal(t, types.SnapshotStateCompleted, s.State)
	require.Equal(t, "100%", *s.Progress)
	require.EqualValues(t, 10, *s.VolumeSize)
	require.Equal(t, "123456789012", *s.OwnerId)
	out, err := r.client.CreateVolume(t.Context(), larger)
	require.NoError(t, err)
	r.clock.Step(3 * time.Second)
	require.Equal(t, types.VolumeStateAvailable, r.describe(*out.VolumeId).State)
	require.Equal(t, id, *r.describe(*out.VolumeId).SnapshotId)
	larger.Size, larger.VolumeType, larger.ClientToken = aws.Int32(9), "gp3", nil // the SDK had set a token
	_, err = r.client.CreateVolume(t.Context(), larger)
	require.Equal(t, "InvalidParameterValue", code(t, err), "smaller than the snapshot")
	_, err = r.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	require.NoError(t, err)
	_, err = r.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	require.Equal(t, "InvalidSnapshot.NotFound", code(t, err))
}

// TestSnapshotLimits: how many at a time, how soon after one another, how many
// in all; and a snapshot that fails.
func TestSnapshotLimits(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{Snapshot: seconds(100)}, Quotas: ec2test.Quotas{SnapshotInterval: 15 * time.Second, Snapshots: 3}})
	snap := func(id string) string {
		_, err := r.client.CreateSnapshot(r.ctx, &ec2.CreateSnapshotInput{VolumeId: &id})
		return code(t, err)
	}
	hdd := r.volume(func(i *ec2.CreateVolumeInput) { i.VolumeType, i.Size = "st1", aws.Int32(125) })
	require.Empty(t, snap(hdd))
	require.Equal(t, "SnapshotCreationPerVolumeRateExceeded", snap(hdd))
	r.clock.Step(15 * time.Second)
	require.Equal(t, "ConcurrentSnapshotLimitExceeded", snap(hdd), "one at a time of st1")
	r.clock.Step(100 * time.Second)
	require.Empty(t, snap(hdd))
	id := r.snapshot(r.volume())
	require.Equal(t, "SnapshotLimitExceeded", snap(r.volume()))
	require.NoError(t, r.FailSnapshot(id, "Client.InvalidKey"))
	require.Equal(t, types.SnapshotStateError, r.describeSnapshot(id).State)
	require.Equal(t, "Client.InvalidKey", *r.describeSnapshot(id).StateMessage)
}

// TestSnapshotsOfAnInstance cuts the volumes of an instance without the root and
// those excluded.
func TestSnapshotsOfAnInstance(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	a, b, c := r.volume(), r.volume(), r.volume()
	for i, id := range []string{a, b, c} {
		require.NoError(t, r.attach(id, "/dev/xvdb"+string(rune('a'+i))))
	}
	out, err := r.client.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{
		InstanceId: &r.node, ExcludeBootVolume: aws.Bool(true), ExcludeDataVolumeIds: []string{b}}})
	require.NoError(t, err)
	require.Len(t, out.Snapshots, 2)
	require.Equal(t, []string{a, c}, []string{*out.Snapshots[0].VolumeId, *out.Snapshots[1].VolumeId})
	require.Equal(t, types.SnapshotStatePending, out.Snapshots[0].State)
	_, err = r.client.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{
		InstanceId: &r.node, ExcludeDataVolumeIds: []string{r.volume()}}})
	require.Equal(t, "InvalidParameterValue", code(t, err), "an excluded volume that is not attached")
}

// TestForeignSnapshots are listed too, unless the owner is given.
func TestForeignSnapshots(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	foreign, own := r.AddForeignSnapshot("999999999999", 8), r.snapshot(r.volume())
	all, err := r.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{})
	require.NoError(t, err)
	require.Len(t, all.Snapshots, 2)
	mine, err := r.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	require.NoError(t, err)
	require.Equal(t, own, *mine.Snapshots[0].SnapshotId)
	require.Len(t, mine.Snapshots, 1)
	_, err = r.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &foreign})
	require.Equal(t, "UnauthorizedOperation", code(t, err))
}

// TestFastSnapshotRestore goes through its states in each zone by itself.
func TestFastSnapshotRestore(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{FastRestore: seconds(60)}})
	id := r.snapshot(r.volume())
	states := func() map[string]string {
		out, err := r.client.DescribeFastSnapshotRestores(t.Context(), &ec2.DescribeFastSnapshotRestoresInput{Filters: []types.Filter{where("snapshot-id", id)}})
		require.NoError(t, err)
		m := map[string]string{}
		for _, f := range out.FastSnapshotRestores {
			m[*f.AvailabilityZone] = string(f.State)
		}
		return m
	}
	out, err := r.client.EnableFastSnapshotRestores(t.Context(), &ec2.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{id}, AvailabilityZones: []string{"us-east-1a", "us-east-1b"}})
	require.NoError(t, err)
	require.Len(t, out.Successful, 2)
	require.Equal(t, map[string]string{"us-east-1a": "enabling", "us-east-1b": "enabling"}, states())
	r.clock.Step(time.Minute)
	require.Equal(t, map[string]string{"us-east-1a": "optimizing", "us-east-1b": "optimizing"}, states())
	r.clock.Step(time.Minute)
	v := r.describe(r.volume(func(i *ec2.CreateVolumeInput) { i.SnapshotId = &id }))
	require.True(t, *v.FastRestored)
	off, err := r.client.DisableFastSnapshotRestores(t.Context(), &ec2.DisableFastSnapshotRestoresInput{SourceSnapshotIds: []string{id}, AvailabilityZones: []string{"us-east-1a", "us-east-1c"}})
	require.NoError(t, err)
	require.Len(t, off.Successful, 1)
	require.Equal(t, "InvalidFastSnapshotRestore.NotFound", *off.Unsuccessful[0].FastSnapshotRestoreStateErrors[0].Error.Code)
	r.clock.Step(time.Minute)
	require.Equal(t, map[string]string{"us-east-1a": "disabled", "us-east-1b": "enabled"}, states())
}

// TestFastSnapshotRestore_WaitsForTheSnapshot: it goes on when the snapshot is
// there; until then the server must not wait for it, which was an endless loop.
func TestFastSnapshotRestore_WaitsForTheSnapshot(t *testing.T) {
	r := newRegion(t, ec2test.Options{Timings: ec2test.Timings{FastRestore: seconds(1), Snapshot: seconds(10)}})
	id := r.snapshot(r.volume())
	_, err := r.client.EnableFastSnapshotRestores(t.Context(), &ec2.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{id}, AvailabilityZones: []string{"us-east-1a"}})
	require.NoError(t, err)
	for _, state := range []string{"enabling", "enabling", "enabled"} {
		require.Equal(t, state, r.Snapshots()[0].FastRestores["us-east-1a"].State)
		r.clock.Step(5 * time.Second)
	}
}

// TestLock: a locked snapshot cannot be deleted; governance can be taken back,
// compliance only while it cools off.
func TestLock(t *testing.T) {
	r := newRegion(t, ec2test.Options{})
	id := r.snapshot(r.volume())
	lock := func(mode types.LockMode, days, coolOff int32) error {
		in := &ec2.LockSnapshotInput{SnapshotId: &id, LockMode: mode, LockDuration: &days}
		if coolOff > 0 {
			in.CoolOffPeriod = &coolOff
		}
		_, err := r.client.LockSnapshot(t.Context(), in)
		return err
	}
	unlock := func() error {
		_, err := r.client.UnlockSnapshot(t.Context(), &ec2.UnlockSnapshotInput{SnapshotId: &id})
		return err
	}
	require.Equal(t, "IncorrectState", code(t, unlock()))
	require.Equal(t, "InvalidParameterCombination", code(t, lock("governance", 1, 1)), "cool-off is for compliance")
	require.NoError(t, lock("governance", 1, 0))
	_, err := r.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	require.Equal(t, "OperationNotPermitted", code(t, err))
	require.NoError(t, unlock())
	require.NoError(t, lock("compliance", 2, 3))
	out, err := r.client.DescribeLockedSnapshots(t.Context(), &ec2.DescribeLockedSnapshotsInput{})
	require.NoError(t, err)
	require.Equal(t, types.LockStateComplianceCooloff, out.Snapshots[0].LockState)
	require.True(t, out.Snapshots[0].LockExpiresOn.Equal(r.clock.Now().AddDate(0, 0, 2)))
	r.clock.Step(3 * time.Hour)
	require.Equal(t, "OperationNotPermitted", code(t, unlock()))
	require.Equal(t, "OperationNotPermitted", code(t, lock("compliance", 1, 0)), "shorter")
	require.NoError(t, lock("compliance", 3, 0))
	r.clock.Step(73 * time.Hour)
	_, err = r.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	require.NoError(t, err, "expired")
}
