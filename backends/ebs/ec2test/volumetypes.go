package ec2test

// A volumeType has EC2's limits of a type of volume. Source: the comments of
// CreateVolumeInput in aws-sdk-go-v2/service/ec2 v1.344.1 and the EBS user
// guide, "Amazon EBS volume types" (read 2026-11).
type volumeType struct {
	minSize, maxSize             int64 // GiB
	minIOPS, maxIOPS             int64 // 0: iops cannot be given
	iopsRequired                 bool
	iopsPerGiB                   int64
	minThroughput, maxThroughput int64 // MiB/s; 0: cannot be given
	defaultIOPS                  int64
	multiAttach                  bool
	pendingSnapshots             int // at a time, of one volume
}

var volumeTypes = map[string]volumeType{
	"gp3": {minSize: 1, maxSize: 65536, minIOPS: 3000, maxIOPS: 80000, iopsPerGiB: 500, defaultIOPS: 3000,
		minThroughput: 125, maxThroughput: 2000, pendingSnapshots: 5},
	"gp2":      {minSize: 1, maxSize: 16384, pendingSnapshots: 5},
	"io1":      {minSize: 4, maxSize: 16384, minIOPS: 100, maxIOPS: 64000, iopsRequired: true, iopsPerGiB: 50, multiAttach: true, pendingSnapshots: 5},
	"io2":      {minSize: 4, maxSize: 65536, minIOPS: 100, maxIOPS: 256000, iopsRequired: true, iopsPerGiB: 1000, multiAttach: true, pendingSnapshots: 5},
	"st1":      {minSize: 125, maxSize: 16384, pendingSnapshots: 1},
	"sc1":      {minSize: 125, maxSize: 16384, pendingSnapshots: 1},
	"standard": {minSize: 1, maxSize: 1024, pendingSnapshots: 5},
}

// throughputPerIOPS is how many MiB/s a gp3 volume may have for each of its
// IOPS (EBS user guide, "General Purpose SSD volumes").
const throughputPerIOPS = 0.25

// performance checks type, size, IOPS and throughput of v as EC2 does, and
// fills in what was not given.
func (v *Volume) performance() error {
	t, ok := volumeTypes[v.Type]
	switch {
	case !ok:
		return errorf("UnknownVolumeType", "Unsupported volume type '%s' for volume creation.", v.Type)
	case v.Size < t.minSize:
		return errorf("InvalidParameterValue", "Volume of %dGiB is too small for volume type %s; minimum is %dGiB.", v.Size, v.Type, t.minSize)
	case v.Size > t.maxSize:
		return errorf("InvalidParameterValue", "Volume of %dGiB is too large for volume type %s; maximum is %dGiB.", v.Size, v.Type, t.maxSize)
	case v.MultiAttach && !t.multiAttach:
		return errorf("InvalidParameterCombination", "The parameter multiAttachEnabled is not supported for %s volumes.", v.Type)
	}
	if err := v.checkIOPS(t); err != nil {
		return err
	}
	return v.checkThroughput(t)
}

func (v *Volume) checkIOPS(t volumeType) error {
	switch {
	case v.IOPS == 0 && t.iopsRequired:
		return errorf("InvalidParameterCombination", "The parameter iops must be specified for %s volumes.", v.Type)
	case v.IOPS == 0 && v.Type == "gp2": // what the size gives
		v.IOPS = min(16000, max(100, 3*v.Size))
		return nil
	case v.IOPS == 0:
		v.IOPS = t.defaultIOPS
		return nil
	case t.maxIOPS == 0:
		return errorf("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", v.Type)
	case v.IOPS < t.minIOPS:
		return errorf("InvalidParameterValue", "Volume iops of %d is too low; minimum is %d.", v.IOPS, t.minIOPS)
	case v.IOPS > t.maxIOPS:
		return errorf("InvalidParameterValue", "Volume iops of %d is too high; maximum is %d.", v.IOPS, t.maxIOPS)
	case v.IOPS > t.iopsPerGiB*v.Size && v.IOPS > t.defaultIOPS:
		return errorf("InvalidParameterValue", "Iops to volume size ratio of %f is too high; maximum is %d", float64(v.IOPS)/float64(v.Size), t.iopsPerGiB)
	}
	return nil
}

func (v *Volume) checkThroughput(t volumeType) error {
	switch {
	case v.Throughput == 0:
		v.Throughput = t.minThroughput
	case t.maxThroughput == 0:
		return errorf("InvalidParameterCombination", "The parameter throughput can only be specified for volumeType gp3.")
	case v.Throughput < t.minThroughput:
		return errorf("InvalidParameterValue", "Volume throughput of %d MiB/s is too low; minimum is %d MiB/s.", v.Throughput, t.minThroughput)
	case v.Throughput > t.maxThroughput:
		return errorf("InvalidParameterValue", "Volume throughput of %d MiB/s is too high; maximum is %d MiB/s.", v.Throughput, t.maxThroughput)
	case float64(v.Throughput) > throughputPerIOPS*float64(v.IOPS):
		return errorf("InvalidParameterValue", "Throughput (MiBps) to iops ratio of %f is too high; maximum is %f MiBps per iops",
			float64(v.Throughput)/float64(v.IOPS), throughputPerIOPS)
	}
	return nil
}
