package ebs_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/csitest"
)

// shared stands in for devices, which need root: what is on the node is not what
// these tests are about.
type shared struct{ *ebs.Backend }

func (s shared) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	_, err := s.Volume(ctx, csi.VolumeRef{ID: v.ID})
	return csi.Share{Type: "tmpfs", Source: v.ID}, err
}

func (s shared) Traits() csi.Traits {
	t := s.Backend.Traits()
	t.Block = []csi.AccessMode{} // a share is no raw device
	return t
}

func harness(t *testing.T, edit ...func(*ec2test.Options)) csitest.Harness {
	s := newEC2(t, edit...)
	return csitest.Harness{
		Backend: func() csi.Locator {
			return shared{open(t, s, func(o *ebs.Options) { o.Consistency = 20 * time.Millisecond })}
		},
		OtherNode:  node2,
		Size:       4 * gib, // the least that io2 has
		Parameters: map[string]string{"type": "io2", "iops": "100"},
		Mutable:    map[string]string{"iops": "200"},
		BadMutable: map[string]string{"iops": "1"},
		Modified: func(id string) map[string]string {
			v, _ := s.Volume(id)
			return map[string]string{"iops": strconv.FormatInt(v.IOPS, 10)}
		},
		Leaks: func() []string { return alive(s) },
	}
}

// TestConformance runs the conformance kit against an EC2 whose states take a
// moment.
func TestConformance(t *testing.T) {
	csitest.RunParallel(t, func(t *testing.T) csitest.Harness {
		return harness(t, func(o *ec2test.Options) {
			o.Zones = []ec2test.Zone{{Name: zoneA, ID: "use1-az1"}}
			o.Timings = ec2test.EC2Timings().Scale(0.001)
			o.Timings.Optimize = ec2test.Span{} // the kit modifies a volume often
		})
	})
}
