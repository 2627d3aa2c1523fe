package ec2test

// An api executes a call with the server locked and returns the answer's
// members.
type api func(*Server, *call) (any, error)

// apis are the calls that the server knows.
var apis = map[string]api{
	"CreateVolume":                 changes((*Server).createVolume),
	"DeleteVolume":                 changes((*Server).deleteVolume),
	"CopyVolumes":                  changes((*Server).copyVolumes),
	"ModifyVolume":                 changes((*Server).modifyVolume),
	"EnableVolumeIO":               changes((*Server).enableVolumeIO),
	"CreateSnapshot":               changes((*Server).createSnapshot),
	"CreateSnapshots":              changes((*Server).createSnapshots),
	"DeleteSnapshot":               changes((*Server).deleteSnapshot),
	"EnableFastSnapshotRestores":   changes((*Server).enableFastRestores),
	"DisableFastSnapshotRestores":  changes((*Server).disableFastRestores),
	"LockSnapshot":                 changes((*Server).lockSnapshot),
	"UnlockSnapshot":               changes((*Server).unlockSnapshot),
	"DescribeVolumeStatus":         reads((*Server).describeVolumeStatus),
	"DescribeVolumesModifications": reads((*Server).describeVolumesModifications),
	"DescribeSnapshots":            reads((*Server).describeSnapshots),
	"DescribeFastSnapshotRestores": reads((*Server).describeFastRestores),
	"DescribeLockedSnapshots":      reads((*Server).describeLockedSnapshots),
	"AttachVolume":                 changes((*Server).attachVolume),
	"DetachVolume":                 changes((*Server).detachVolume),
	"CreateTags":                   changes((*Server).createTags),
	"DeleteTags":                   changes((*Server).deleteTags),
	"DescribeVolumes":              reads((*Server).describeVolumes),
	"DescribeTags":                 reads((*Server).describeTags),
	"DescribeInstances":            reads((*Server).describeInstances),
	"DescribeInstanceTypes":        reads((*Server).describeInstanceTypes),
	"DescribeAvailabilityZones":    reads((*Server).describeAvailabilityZones),
	"DescribeInstanceStatus":       reads((*Server).describeInstanceStatus),
}

// changes is for calls that check all of their parameters before they find out
// that they are a dry run: they call commit.
func changes[In any](f func(*Server, *call, *In) (any, error)) api {
	return func(s *Server, c *call) (any, error) {
		var in In
		if err := decode(c.form, &in); err != nil {
			return nil, err
		}
		return f(s, c, &in)
	}
}

// reads is for calls that change nothing.
func reads[In any](f func(*Server, *call, *In) (any, error)) api {
	return changes(func(s *Server, c *call, in *In) (any, error) {
		if err := c.commit(); err != nil {
			return nil, err
		}
		return f(s, c, in)
	})
}

// done is the answer of calls that return nothing but that it was done.
type done struct {
	Return bool `xml:"return"`
}
