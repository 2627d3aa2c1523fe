package ebs

import (
	"cmp"

	"github.com/csikit/csikit/csi"
)

// A shape is what a volume is to be, with every number decided.
type shape struct {
	volumeType       volumeType
	sizeGiB          int64
	iops, throughput int64 // 0: EC2's default
	multiAttach      bool
}

// shapeOf decides the shape of a new volume.
func (p *parameters) shapeOf(size csi.SizeRange) (shape, error) {
	t, err := typeNamed(cmp.Or(p.volumeType, defaultType))
	if err != nil {
		return shape{}, err
	}
	s := shape{volumeType: t, throughput: p.throughput}
	if s.sizeGiB, err = t.fit(size); err != nil {
		return shape{}, err
	}
	s.iops = p.iops
	if p.iopsPerGB > 0 {
		s.iops = p.iopsPerGB * s.sizeGiB
		if p.raiseIOPS {
			s.iops = max(s.iops, t.minIOPS)
		}
	}
	return s, s.check()
}

// check refuses what EC2 would refuse.
func (s shape) check() error {
	if s.iops > 0 || s.volumeType.needsIOPS {
		if err := s.volumeType.checkIOPS(s.iops, s.sizeGiB); err != nil {
			return err
		}
	}
	if s.throughput > 0 {
		return s.volumeType.checkThroughput(s.throughput)
	}
	return nil
}
