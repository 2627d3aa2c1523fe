package ec2test

import (
	"strconv"
	"time"
)

type describeVolumesInput struct {
	selection
	VolumeIds               []string `ec2:"VolumeId"`
	IncludeManagedResources bool
}

type describeVolumesOutput struct {
	Volumes   []volumeXML `xml:"volumeSet>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (s *Server) describeVolumes(c *call, in *describeVolumesInput) (any, error) {
	rows, next, err := choose(s.visibleVolumes(c.now), in.VolumeIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeVolumesOutput{NextToken: next}
	for _, v := range rows {
		out.Volumes = append(out.Volumes, s.volumeXML(v))
	}
	return out, nil
}

// visibleVolumes are the volumes as a describing call at a moment sees them.
func (s *Server) visibleVolumes(now time.Time) source[Volume] {
	return source[Volume]{
		prefix: "vol", ids: s.volumes.ids(), row: func(id string) *Volume { return s.volumes.seen(id, now) },
		values: s.volumeValues, tags: func(v *Volume) map[string]string { return v.Tags },
		page: pageLimits{least: 5, most: 1000, without: "volumeSet"},
	}
}

func (s *Server) volumeValues(v *Volume, filter string) ([]string, bool) {
	each := func(f func(Attachment) string) ([]string, bool) {
		var values []string
		for _, a := range v.Attachments {
			values = append(values, f(a))
		}
		return values, true
	}
	switch filter {
	case "volume-id":
		return []string{v.ID}, true
	case "status":
		return []string{v.State}, true
	case "volume-type":
		return []string{v.Type}, true
	case "size":
		return []string{strconv.FormatInt(v.Size, 10)}, true
	case "availability-zone":
		return []string{v.Zone}, true
	case "availability-zone-id":
		return []string{s.zoneID(v.Zone)}, true
	case "snapshot-id":
		return []string{v.SnapshotID}, true
	case "encrypted":
		return []string{strconv.FormatBool(v.Encrypted)}, true
	case "fast-restored":
		return []string{strconv.FormatBool(v.FastRestored)}, true
	case "multi-attach-enabled":
		return []string{strconv.FormatBool(v.MultiAttach)}, true
	case "create-time":
		return []string{v.Created.UTC().Format(time.RFC3339)}, true
	case "attachment.instance-id":
		return each(func(a Attachment) string { return a.InstanceID })
	case "attachment.status":
		return each(func(a Attachment) string { return a.State })
	case "attachment.device":
		return each(func(a Attachment) string { return a.Device })
	case "attachment.attach-time":
		return each(func(a Attachment) string { return a.Since.UTC().Format(time.RFC3339) })
	case "attachment.delete-on-termination":
		return each(func(a Attachment) string { return strconv.FormatBool(a.DeleteOnTermination) })
	}
	return nil, false
}
