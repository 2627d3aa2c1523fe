package ebs

import (
	"fmt"
	"strings"

	"github.com/csikit/csikit/csi"
)

const gib = 1 << 30

// A volumeType is what EC2 allows for volumes of one type. All checks are made
// against these before a call, so that a refusal says what would be allowed.
type volumeType struct {
	name                         string
	minGiB, maxGiB               int64
	minIOPS, maxIOPS, iopsPerGiB int64 // 0: IOPS cannot be chosen
	minMiBps, maxMiBps           int64 // 0: throughput cannot be chosen
	needsIOPS                    bool
	multiAttach                  bool
}

// volumeTypes are the limits of EC2.
//
// Sizes, IOPS and throughput: the comments of CreateVolumeInput in
// github.com/aws/aws-sdk-go-v2/service/ec2 v1.344.1, read 2026-11-23. IOPS per
// GiB: Amazon EBS User Guide, "Amazon EBS volume types", as aws-ebs-csi-driver
// has them at 429e202e (2026-08-19).
var volumeTypes = []volumeType{
	{name: "gp3", minGiB: 1, maxGiB: 65536, minIOPS: 3000, maxIOPS: 80000, iopsPerGiB: 500, minMiBps: 125, maxMiBps: 2000},
	{name: "gp2", minGiB: 1, maxGiB: 16384},
	{name: "io1", minGiB: 4, maxGiB: 16384, minIOPS: 100, maxIOPS: 64000, iopsPerGiB: 50, needsIOPS: true, multiAttach: true},
	{name: "io2", minGiB: 4, maxGiB: 65536, minIOPS: 100, maxIOPS: 256000, iopsPerGiB: 1000, needsIOPS: true, multiAttach: true},
	{name: "st1", minGiB: 125, maxGiB: 16384},
	{name: "sc1", minGiB: 125, maxGiB: 16384},
	{name: "standard", minGiB: 1, maxGiB: 1024},
}

const (
	// defaultType and defaultGiB are those of aws-ebs-csi-driver.
	defaultType = "gp3"
	defaultGiB  = 100
	// The range of CreateVolumeInput.VolumeInitializationRate in MiB/s.
	minInitRate, maxInitRate = 100, 300
)

func typeNamed(name string) (volumeType, error) {
	var names []string
	for _, t := range volumeTypes {
		if t.name == name {
			return t, nil
		}
		names = append(names, t.name)
	}
	return volumeType{}, fmt.Errorf("%w: volume type %q is not one of %s", csi.ErrInvalid, name, strings.Join(names, ", "))
}

// fit returns the size in GiB of a volume of this type. An empty range is
// [defaultGiB], within its limit.
func (t volumeType) fit(size csi.SizeRange) (int64, error) {
	if size.Required == 0 {
		size.Required = defaultGiB * gib
		if size.Limit > 0 {
			size.Required = min(size.Required, size.Limit/gib*gib)
		}
	}
	bytes, err := size.Fit(gib, t.minGiB*gib, t.maxGiB*gib)
	if err != nil {
		return 0, fmt.Errorf("%s volumes have %d to %d GiB: %w", t.name, t.minGiB, t.maxGiB, err)
	}
	return bytes / gib, nil
}

// mostIOPS is the largest number of IOPS that a volume of that size can have.
func (t volumeType) mostIOPS(sizeGiB int64) int64 {
	return max(t.minIOPS, min(t.maxIOPS, t.iopsPerGiB*sizeGiB))
}

// checkIOPS refuses what EC2 would refuse, naming the nearest allowed value.
func (t volumeType) checkIOPS(iops, sizeGiB int64) error {
	most := t.mostIOPS(sizeGiB)
	switch {
	case t.maxIOPS == 0:
		return fmt.Errorf("%w: the IOPS of %s volumes cannot be chosen: leave out iops and iopsPerGB, or use gp3, io1 or io2", csi.ErrInvalid, t.name)
	case iops < t.minIOPS:
		return fmt.Errorf("%w: %d IOPS are less than a %s volume has; the nearest is %d (allowAutoIOPSPerGBIncrease raises what iopsPerGB gives)", csi.ErrInvalid, iops, t.name, t.minIOPS)
	case iops > most:
		return fmt.Errorf("%w: %d IOPS are more than a %s volume of %d GiB has (at most %d, and %d per GiB); the nearest is %d", csi.ErrInvalid, iops, t.name, sizeGiB, t.maxIOPS, t.iopsPerGiB, most)
	}
	return nil
}

func (t volumeType) checkThroughput(mibps int64) error {
	switch {
	case t.maxMiBps == 0:
		return fmt.Errorf("%w: the throughput of %s volumes cannot be chosen: leave out throughput, or use gp3", csi.ErrInvalid, t.name)
	case mibps < t.minMiBps || mibps > t.maxMiBps:
		nearest := min(max(mibps, t.minMiBps), t.maxMiBps)
		return fmt.Errorf("%w: throughput %d MiB/s: %s volumes have %d to %d; the nearest is %d", csi.ErrInvalid, mibps, t.name, t.minMiBps, t.maxMiBps, nearest)
	}
	return nil
}
