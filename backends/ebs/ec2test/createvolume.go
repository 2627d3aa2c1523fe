package ec2test

type createVolumeInput struct {
	AvailabilityZone, AvailabilityZoneID string
	ClientToken                          string
	Encrypted                            *bool
	Iops, Size, Throughput               int64
	KmsKeyID                             string
	MultiAttachEnabled                   bool
	OutpostArn                           string
	SnapshotID                           string
	TagSpecifications                    []tagSpecification `ec2:"TagSpecification"`
	VolumeInitializationRate             int64
	VolumeType                           string
}

func (s *Server) createVolume(c *call, in *createVolumeInput) (any, error) {
	if id, err := s.repeated(c); err != nil || id != "" {
		return s.repeatedVolume(id), err
	}
	zone, err := s.zoneOf(in.AvailabilityZone, in.AvailabilityZoneID)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor("volume", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	v := &Volume{
		Type: in.VolumeType, Zone: zone, State: creating, Size: in.Size, IOPS: in.Iops, Throughput: in.Throughput, KMSKey: in.KmsKeyID,
		MultiAttach: in.MultiAttachEnabled, SnapshotID: in.SnapshotID, OutpostARN: in.OutpostArn,
		InitializationRate: in.VolumeInitializationRate, Created: c.now, Tags: tags, Status: statusOK,
	}
	from, err := s.restored(v)
	if err != nil {
		return nil, err
	}
	if v.Type == "" {
		v.Type = "gp2"
	}
	if err := v.performance(); err != nil {
		return nil, err
	}
	if err := s.encryption(v, in.Encrypted); err != nil {
		return nil, err
	}
	return s.addVolume(c, v, from)
}

// restored takes from v's snapshot what v does not say itself, and returns the
// id of that snapshot.
func (s *Server) restored(v *Volume) (from string, err error) {
	if v.SnapshotID == "" {
		switch {
		case v.Size == 0:
			return "", errorf("MissingParameter", "The request must contain the parameter size/snapshot")
		case v.InitializationRate != 0:
			return "", errorf("InvalidParameterCombination", "The parameter volumeInitializationRate can only be specified together with the parameter snapshotId.")
		}
		return "", nil
	}
	snap, err := existing(s.snapshots, "snap", v.SnapshotID)
	if err != nil {
		return "", err
	}
	if v.Size == 0 {
		v.Size = snap.Size
	}
	switch {
	case snap.State != completed:
		return "", errorf("IncorrectState", "Snapshot is in invalid state - %s", snap.State)
	case v.Size < snap.Size:
		return "", errorf("InvalidParameterValue", "The size of a volume cannot be smaller than that of its snapshot: %dGiB is less than the %dGiB of '%s'.", v.Size, snap.Size, snap.ID)
	case v.InitializationRate != 0 && (v.InitializationRate < 100 || v.InitializationRate > 300):
		return "", errorf("InvalidParameterValue", "Volume initialization rate of %d MiB/s is invalid; it must be between 100 and 300 MiB/s.", v.InitializationRate)
	}
	v.Encrypted = snap.Encrypted
	if v.KMSKey == "" {
		v.KMSKey = snap.KMSKey
	}
	v.FastRestored = snap.fastRestore(v.Zone) == "enabled"
	return snap.ID, nil
}

// encryption sets what the request, the source (v.Encrypted) and the account's
// defaults make of it.
func (s *Server) encryption(v *Volume, asked *bool) error {
	given := asked != nil && *asked
	if v.KMSKey != "" && !given && !v.Encrypted {
		return errorf("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	v.Encrypted = v.Encrypted || given
	if v.Encrypted && v.KMSKey == "" {
		v.KMSKey = "arn:aws:kms:" + s.o.Region + ":" + s.o.Account + ":key/00000000-0000-4000-8000-000000000000"
	}
	v.Doomed = s.badKeys[v.KMSKey]
	return nil
}

// addVolume makes v, with the data of a snapshot or volume if from names one.
func (s *Server) addVolume(c *call, v *Volume, from string) (any, error) {
	if err := s.roomFor(v.Size, v.provisioned()); err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	v.ID = s.newID("vol")
	duration := s.o.Timings.Create
	switch {
	case v.Doomed:
		duration = s.o.Timings.KMSFailure
	case v.SourceVolumeID != "":
		duration = s.o.Timings.Copy
	case v.SnapshotID != "":
		duration = s.o.Timings.Restore
	}
	v.Due = c.now.Add(duration.draw(s.rand))
	v.Initialized = v.Due
	if from != "" && !v.FastRestored {
		v.Initialized = v.Due.Add(s.o.Timings.Initialize.draw(s.rand))
	}
	s.putVolume(v, c.now)
	s.remember(c, v.ID)
	c.made = append(c.made, v.ID)
	answer := s.volumeXML(v)
	return answer, s.makeImage(v, from)
}

// repeatedVolume is the answer to a call that was made before. EC2 repeats the
// id, also of a volume that has vanished.
func (s *Server) repeatedVolume(id string) any {
	v := s.volumes.truth(id)
	if v == nil {
		v = &Volume{ID: id, State: creating}
	}
	return s.volumeXML(v)
}

// provisioned are the IOPS that count for the quota.
func (v *Volume) provisioned() int64 {
	if volumeTypes[v.Type].iopsRequired {
		return v.IOPS
	}
	return 0
}

// roomFor checks the account's quotas for more storage and IOPS.
func (s *Server) roomFor(size, iops int64) error {
	s.volumes.each(func(v *Volume) {
		size += v.Size
		iops += v.provisioned()
	})
	switch q := s.o.Quotas; {
	case q.VolumeGiB > 0 && size > q.VolumeGiB:
		return errorf("VolumeLimitExceeded", "You have exceeded your maximum gp2, gp3 or io storage limit of %d GiB in this region. Please contact AWS Support to request an Elastic Block Store service limit increase.", q.VolumeGiB)
	case q.IOPS > 0 && iops > q.IOPS:
		return errorf("MaxIOPSLimitExceeded", "You have exceeded your maximum provisioned IOPS limit of %d in this region.", q.IOPS)
	}
	return nil
}
