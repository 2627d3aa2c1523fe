package ec2test

type volumeInput struct{ VolumeID string }

func (s *Server) deleteVolume(c *call, in *volumeInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	switch {
	case err != nil:
		return nil, err
	case len(v.Attachments) > 0:
		return nil, errorf("VolumeInUse", "Volume %s is currently attached to %s", v.ID, v.Attachments[0].InstanceID)
	case v.State == creating:
		return nil, errorf("IncorrectState", "The volume '%s' is 'creating'.", v.ID)
	case v.State == deleting:
		return nil, notFound("vol", v.ID)
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	v.State, v.Due = deleting, c.now.Add(s.o.Timings.Delete.draw(s.rand))
	s.putVolume(v, c.now)
	return done{true}, nil
}
