package ec2test

import (
	"maps"
	"slices"
)

type createSnapshotsInput struct {
	CopyTagsFromSource                string
	Description, Location, OutpostArn string
	InstanceSpecification             struct {
		ExcludeBootVolume    bool
		ExcludeDataVolumeIds []string `ec2:"ExcludeDataVolumeId"`
		InstanceID           string
	}
	TagSpecifications []tagSpecification `ec2:"TagSpecification"`
}

type createSnapshotsOutput struct {
	Snapshots []snapshotXML `xml:"snapshotSet>item"`
}

// createSnapshots cuts the volumes of an instance, without those excluded, at
// one moment.
func (s *Server) createSnapshots(c *call, in *createSnapshotsInput) (any, error) {
	i, err := existing(s.instances, "i", in.InstanceSpecification.InstanceID)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor("snapshot", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	from, err := s.chosenVolumes(i, in)
	if err != nil {
		return nil, err
	}
	for _, v := range from {
		if err := s.snapshotAllowed(v, c.now, len(from)); err != nil {
			return nil, err
		}
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	made, err := s.cut(c, from, in.Description, in.OutpostArn, func(v *Volume) map[string]string {
		merged := maps.Clone(tags)
		if in.CopyTagsFromSource == "volume" {
			maps.Copy(merged, v.Tags)
			maps.Copy(merged, tags)
		}
		return merged
	})
	if err != nil {
		return nil, err
	}
	var out createSnapshotsOutput
	for _, n := range made {
		x := s.snapshotXML(n, c.now)
		x.Status, x.State, x.StorageTier = "", x.Status, ""
		out.Snapshots = append(out.Snapshots, x)
	}
	return out, nil
}

func (s *Server) chosenVolumes(i *Instance, in *createSnapshotsInput) ([]*Volume, error) {
	spec := in.InstanceSpecification
	attachedTo := s.mapping(i.ID)
	for _, id := range spec.ExcludeDataVolumeIds {
		if !slices.ContainsFunc(attachedTo, func(m mapped) bool { return m.volume == id }) {
			return nil, errorf("InvalidParameterValue", "The volume '%s' is not attached to instance '%s'.", id, i.ID)
		}
	}
	var from []*Volume
	for _, m := range attachedTo {
		if sameDevice(m.Device, rootDevice) && spec.ExcludeBootVolume || slices.Contains(spec.ExcludeDataVolumeIds, m.volume) {
			continue
		}
		from = append(from, s.volumes.truth(m.volume))
	}
	if len(from) == 0 {
		return nil, errorf("InvalidParameterCombination", "No volumes of instance '%s' are left to be included.", i.ID)
	}
	return from, nil
}
