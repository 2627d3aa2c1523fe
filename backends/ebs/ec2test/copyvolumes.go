package ec2test

type copyVolumesInput struct {
	ClientToken            string
	Encrypted              *bool
	Iops, Size, Throughput int64
	KmsKeyID               string
	MultiAttachEnabled     bool
	SourceVolumeID         string
	TagSpecifications      []tagSpecification `ec2:"TagSpecification"`
	VolumeType             string
}

type copyVolumesOutput struct {
	Volumes []any `xml:"volumeSet>item"`
}

// copyVolumes makes one copy, in the zone of its source.
func (s *Server) copyVolumes(c *call, in *copyVolumesInput) (any, error) {
	if id, err := s.repeated(c); err != nil || id != "" {
		return copyVolumesOutput{[]any{s.repeatedVolume(id)}}, err
	}
	from, err := existing(s.volumes, "vol", in.SourceVolumeID)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor("volume", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	v := &Volume{
		Type: in.VolumeType, Zone: from.Zone, State: creating, Size: in.Size, IOPS: in.Iops, Throughput: in.Throughput,
		KMSKey: in.KmsKeyID, Encrypted: from.Encrypted, MultiAttach: in.MultiAttachEnabled, SourceVolumeID: from.ID,
		OutpostARN: from.OutpostARN, Created: c.now, Tags: tags, Status: statusOK,
	}
	if v.Size == 0 {
		v.Size = from.Size
	}
	if v.Type == "" {
		v.Type = "gp2"
	}
	if v.KMSKey == "" {
		v.KMSKey = from.KMSKey
	}
	switch {
	case from.State != available && from.State != inUse:
		return nil, errorf("IncorrectState", "The volume '%s' is '%s'.", from.ID, from.State)
	case v.Size < from.Size:
		return nil, errorf("InvalidParameterValue", "The size of a volume copy cannot be smaller than its source: %dGiB is less than the %dGiB of '%s'.", v.Size, from.Size, from.ID)
	}
	if err := v.performance(); err != nil {
		return nil, err
	}
	if err := s.encryption(v, in.Encrypted); err != nil {
		return nil, err
	}
	x, err := s.addVolume(c, v, from.ID)
	return copyVolumesOutput{[]any{x}}, err
}
