package ec2test

import "time"

type detachVolumeInput struct {
	Device, InstanceID, VolumeID string
	Force                        bool
}

func (s *Server) detachVolume(c *call, in *detachVolumeInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	if err != nil {
		return nil, err
	}
	a, err := s.attachmentToDetach(v, in)
	if err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	a.Force = a.Force || in.Force
	if a.State == attaching || a.State == attached {
		a.State, a.Due = detaching, c.now.Add(s.o.Timings.Detach.draw(s.rand))
	}
	answer := a.xml(v.ID)
	s.putVolume(v, c.now)
	return answer, nil
}

func (s *Server) attachmentToDetach(v *Volume, in *detachVolumeInput) (*Attachment, error) {
	if in.InstanceID != "" {
		if _, err := existing(s.instances, "i", in.InstanceID); err != nil {
			return nil, err
		}
	}
	if len(v.Attachments) == 0 {
		return nil, errorf("IncorrectState", "Volume '%s' is in the '%s' state.", v.ID, v.State)
	}
	if in.InstanceID == "" {
		if len(v.Attachments) > 1 {
			return nil, errorf("InvalidParameterCombination", "The volume '%s' is attached to several instances: the request must contain the parameter instanceId", v.ID)
		}
		return &v.Attachments[0], nil
	}
	a := v.attachment(in.InstanceID)
	if a == nil || in.Device != "" && !sameDevice(in.Device, a.Device) {
		return nil, errorf("InvalidAttachment.NotFound", "The volume '%s' is not attached to instance '%s' as device '%s'", v.ID, in.InstanceID, in.Device)
	}
	return a, nil
}

// HoldAttachments keeps the attachments of the volumes, of all volumes if none
// is given, in the state they are in: attaching stays attaching, detaching
// detaching.
func (s *Server) HoldAttachments(volumes ...string) {
	s.setHold(true, volumes)
}

// ReleaseAttachments ends HoldAttachments, for the volumes given or for all.
// What was due meanwhile happens at once.
func (s *Server) ReleaseAttachments(volumes ...string) {
	s.setHold(false, volumes)
}

func (s *Server) setHold(on bool, volumes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(volumes) == 0 {
		s.holdAll = on
		clear(s.held)
		volumes = s.volumes.ids()
	} else {
		for _, id := range volumes {
			s.held[id] = on
		}
	}
	for _, id := range volumes {
		if v := s.volumes.truth(id); v != nil {
			s.schedule(id, v.next(s.holdAll || s.held[id]))
		} else {
			s.schedule(id, time.Time{})
		}
	}
	s.settle(s.now())
}
