package ec2test

import (
	"strings"
	"time"
)

// The states of a modification.
const (
	modifying  = "modifying"
	optimizing = "optimizing"
	completed  = "completed"
)

// A volume may be modified so often in a day, each time after the last one has
// completed (comment of ModifyVolume in service/ec2 v1.344.1).
const (
	mostModifications   = 4
	modificationsWithin = 24 * time.Hour
)

// A Modification is the last change of a volume's size, type or performance.
type Modification struct {
	State            string // modifying, optimizing, completed, failed
	Progress         int64  // percent
	Message          string
	Began, Ended     time.Time
	Original, Target Shape
	Due              time.Time // the end of State
	OptimizingFor    time.Duration
}

// A Shape is what ModifyVolume changes.
type Shape struct {
	Type                   string
	Size, IOPS, Throughput int64
	MultiAttach            bool
}

func (v *Volume) shape() Shape {
	return Shape{v.Type, v.Size, v.IOPS, v.Throughput, v.MultiAttach}
}

func (v *Volume) reshape(s Shape) {
	v.Type, v.Size, v.IOPS, v.Throughput, v.MultiAttach = s.Type, s.Size, s.IOPS, s.Throughput, s.MultiAttach
}

type modifyVolumeInput struct {
	Iops, Size, Throughput int64
	MultiAttachEnabled     *bool
	VolumeID, VolumeType   string
}

type modificationXML struct {
	VolumeID            string `xml:"volumeId"`
	State               string `xml:"modificationState"`
	StatusMessage       string `xml:"statusMessage,omitempty"`
	TargetSize          int64  `xml:"targetSize"`
	TargetIops          int64  `xml:"targetIops,omitempty"`
	TargetType          string `xml:"targetVolumeType"`
	TargetThroughput    int64  `xml:"targetThroughput,omitempty"`
	TargetMultiAttach   bool   `xml:"targetMultiAttachEnabled"`
	OriginalSize        int64  `xml:"originalSize"`
	OriginalIops        int64  `xml:"originalIops,omitempty"`
	OriginalType        string `xml:"originalVolumeType"`
	OriginalThroughput  int64  `xml:"originalThroughput,omitempty"`
	OriginalMultiAttach bool   `xml:"originalMultiAttachEnabled"`
	Progress            int64  `xml:"progress"`
	StartTime           stamp  `xml:"startTime"`
	EndTime             stamp  `xml:"endTime"`
}

func (m *Modification) xml(volume string) modificationXML {
	t, o := m.Target, m.Original
	return modificationXML{volume, m.State, m.Message, t.Size, t.IOPS, t.Type, t.Throughput, t.MultiAttach,
		o.Size, o.IOPS, o.Type, o.Throughput, o.MultiAttach, m.Progress, stamp(m.Began), stamp(m.Ended)}
}

type modifyVolumeOutput struct {
	Modification modificationXML `xml:"volumeModification"`
}

func (s *Server) modifyVolume(c *call, in *modifyVolumeInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	if err != nil {
		return nil, err
	}
	target, err := v.modified(in)
	if err != nil {
		return nil, err
	}
	if err := v.modifiable(c.now); err != nil {
		return nil, err
	}
	if err := s.roomFor(target.Size-v.Size, target.provisioned()-v.provisioned()); err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	v.Modification = &Modification{State: modifying, Began: c.now, Original: v.shape(), Target: target.shape(),
		Due: c.now.Add(s.o.Timings.Modify.draw(s.rand)), OptimizingFor: s.o.Timings.Optimize.draw(s.rand)}
	v.Modified = append(v.Modified, c.now)
	s.putVolume(v, c.now)
	return modifyVolumeOutput{v.Modification.xml(v.ID)}, nil
}

// modified returns the volume as it is to be. What the request leaves out
// stays, except that another type starts with its own performance.
func (v *Volume) modified(in *modifyVolumeInput) (*Volume, error) {
	if in.Size == 0 && in.Iops == 0 && in.Throughput == 0 && in.VolumeType == "" && in.MultiAttachEnabled == nil {
		return nil, errorf("MissingParameter", "The request must contain at least one of the parameters size, volumeType, iops, throughput, multiAttachEnabled")
	}
	if in.Size != 0 && in.Size < v.Size {
		return nil, errorf("InvalidParameterValue", "New size cannot be smaller than existing size")
	}
	t := v.clone()
	if in.VolumeType != "" && in.VolumeType != v.Type {
		t.Type = in.VolumeType
		kind := volumeTypes[in.VolumeType]
		if v.IOPS < kind.minIOPS || v.IOPS > kind.maxIOPS {
			t.IOPS = 0
		}
		if kind.iopsRequired && t.IOPS == 0 {
			t.IOPS = kind.minIOPS
		}
		if kind.maxThroughput == 0 {
			t.Throughput = 0
		}
	}
	if in.Size != 0 {
		t.Size = in.Size
	}
	if t.Type == "gp2" && in.Iops == 0 {
		t.IOPS = 0 // follows the size
	}
	if in.Iops != 0 {
		t.IOPS = in.Iops
	}
	if in.Throughput != 0 {
		t.Throughput = in.Throughput
	}
	if in.MultiAttachEnabled != nil {
		t.MultiAttach = *in.MultiAttachEnabled
	}
	if t.MultiAttach != v.MultiAttach && (t.Type != "io2" || len(v.Attachments) > 1) {
		return nil, errorf("InvalidParameterCombination", "Multi-Attach can be changed for io2 volumes only, and switched off with at most one attachment.")
	}
	return t, t.performance()
}

// modifiable checks state and rate. It forgets modifications that no longer
// count.
func (v *Volume) modifiable(now time.Time) error {
	for len(v.Modified) > 0 && now.Sub(v.Modified[0]) >= modificationsWithin {
		v.Modified = v.Modified[1:]
	}
	switch m := v.Modification; {
	case v.State != available && v.State != inUse:
		return errorf("IncorrectState", "Volume '%s' is in the '%s' state.", v.ID, v.State)
	case m != nil && (m.State == modifying || m.State == optimizing):
		return errorf("IncorrectModificationState", "Volume %s cannot be modified in modification state %s", v.ID, strings.ToUpper(m.State))
	case len(v.Modified) >= mostModifications:
		return errorf("VolumeModificationRateExceeded", "You've reached the maximum modification rate per volume limit. Wait until %s: at most %d modifications per EBS volume in 24 hours.",
			v.Modified[0].Add(modificationsWithin).UTC().Format(time.RFC3339), mostModifications)
	}
	return nil
}

// stepModification moves the modification on. Size and performance are the new
// ones from optimizing on.
func (s *Server) stepModification(v *Volume, at time.Time) {
	m := v.Modification
	if m == nil || m.Due.IsZero() || m.Due.After(at) {
		return
	}
	switch m.State {
	case modifying:
		if err := s.growImage(v, m.Target.Size); err != nil {
			s.o.Logger.Error("ec2test cannot grow an image", "volume", v.ID, "error", err)
			m.State, m.Message, m.Due, m.Ended = "failed", err.Error(), time.Time{}, at
			return
		}
		v.reshape(m.Target)
		m.State, m.Due = optimizing, m.Due.Add(m.OptimizingFor)
		if m.OptimizingFor == 0 {
			s.stepModification(v, at)
		}
	case optimizing:
		m.State, m.Progress, m.Ended, m.Due = completed, 100, m.Due, time.Time{}
	}
}
