package ec2test

import (
	"strconv"
	"time"
)

type describeVolumesModificationsInput struct {
	selection
	VolumeIds               []string `ec2:"VolumeId"`
	IncludeManagedResources bool
}

type describeVolumesModificationsOutput struct {
	Modifications []modificationXML `xml:"volumeModificationSet>item"`
	NextToken     string            `xml:"nextToken,omitempty"`
}

// describeVolumesModifications shows the last modification of each volume that
// had one. Asked for a volume that had none EC2 says
// InvalidVolumeModification.NotFound, also if others in the list had one.
func (s *Server) describeVolumesModifications(c *call, in *describeVolumesModificationsInput) (any, error) {
	src := s.visibleVolumes(c.now)
	src.page = pageLimits{least: 1, most: 500, without: "volumeIds"}
	all := src.row
	src.row = func(id string) *Volume {
		if v := all(id); v != nil && (v.Modification != nil || len(in.VolumeIds) > 0) {
			return v
		}
		return nil
	}
	src.values = s.modificationValues
	rows, next, err := choose(src, in.VolumeIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeVolumesModificationsOutput{NextToken: next}
	for _, v := range rows {
		if v.Modification == nil {
			return nil, errorf("InvalidVolumeModification.NotFound", "Modification for volume '%s' does not exist.", v.ID)
		}
		x := v.Modification.xml(v.ID)
		x.Progress = v.Modification.progress(c.now)
		out.Modifications = append(out.Modifications, x)
	}
	return out, nil
}

// progress is that of optimizing, which makes up nearly all of the time.
func (m *Modification) progress(now time.Time) int64 {
	if m.State != optimizing || m.OptimizingFor <= 0 {
		return m.Progress
	}
	return min(99, max(0, 100-int64(100*m.Due.Sub(now)/m.OptimizingFor)))
}

func (s *Server) modificationValues(v *Volume, filter string) ([]string, bool) {
	var m Modification
	if v.Modification != nil {
		m = *v.Modification
	}
	number := func(n int64) ([]string, bool) { return []string{strconv.FormatInt(n, 10)}, true }
	switch filter {
	case "volume-id":
		return []string{v.ID}, true
	case "modification-state":
		return []string{m.State}, true
	case "target-size":
		return number(m.Target.Size)
	case "target-iops":
		return number(m.Target.IOPS)
	case "target-volume-type":
		return []string{m.Target.Type}, true
	case "original-size":
		return number(m.Original.Size)
	case "original-iops":
		return number(m.Original.IOPS)
	case "original-volume-type":
		return []string{m.Original.Type}, true
	case "start-time":
		return []string{m.Began.UTC().Format(time.RFC3339)}, true
	}
	return nil, false
}
