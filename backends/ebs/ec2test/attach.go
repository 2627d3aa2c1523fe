package ec2test

import (
	"regexp"
	"time"
)

// The states of an attachment.
const (
	attaching = "attaching"
	attached  = "attached"
	detaching = "detaching"
	busy      = "busy"
)

// mostAttachments is how many instances a multi-attach volume may have (EBS
// user guide, "Attach an EBS volume to multiple EC2 instances").
const mostAttachments = 16

// deviceNames are those of the EC2 user guide, "Device names for volumes", for
// Linux and Windows; sda1 and the like are for partitions and roots.
var deviceNames = regexp.MustCompile(`^(/dev/)?(sd[a-z]([1-9]|1[0-5])?|xvd[a-z]|xvd[a-d][a-z]|xvdd[a-d][a-z]|hd[a-p]([1-9]|1[0-5])?)$`)

type attachVolumeInput struct {
	Device, InstanceID, VolumeID string
	EbsCardIndex                 int64
}

func (s *Server) attachVolume(c *call, in *attachVolumeInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	if err != nil {
		return nil, err
	}
	i, err := existing(s.instances, "i", in.InstanceID)
	if err != nil {
		return nil, err
	}
	if err := s.attachable(v, i, in); err != nil {
		return nil, err
	}
	if err := s.slotFree(i, in); err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	v.State = inUse
	v.Attachments = append(v.Attachments, Attachment{InstanceID: i.ID, Device: in.Device, State: attaching, Since: c.now,
		Card: in.EbsCardIndex, Due: c.now.Add(s.o.Timings.Attach.draw(s.rand))})
	s.putVolume(v, c.now)
	return v.attachment(i.ID).xml(v.ID), nil
}

// attachable checks what concerns the volume.
func (s *Server) attachable(v *Volume, i *Instance, in *attachVolumeInput) error {
	switch {
	case v.attachment(i.ID) != nil, len(v.Attachments) > 0 && !v.MultiAttach:
		return errorf("VolumeInUse", "%s is already attached to an instance", v.ID)
	case v.State != available && v.State != inUse:
		return errorf("IncorrectState", "%s is not 'available'.", v.ID)
	case i.State != running && i.State != stopped:
		return errorf("IncorrectState", "Instance '%s' is not 'running'.", i.ID)
	case v.Zone != i.Zone:
		return errorf("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", v.ID, i.ID)
	case len(v.Attachments) >= mostAttachments:
		return errorf("AttachmentLimitExceeded", "The volume '%s' has reached its limit of %d attachments.", v.ID, mostAttachments)
	case v.MultiAttach && !s.instanceType(i.Type).Nitro:
		return errorf("InvalidParameterCombination", "Multi-Attach is supported on Nitro instances only: '%s' is a %s.", i.ID, i.Type)
	case in.Device == "":
		return errorf("MissingParameter", "The request must contain the parameter device")
	case !deviceNames.MatchString(in.Device):
		return errorf("InvalidParameterValue", "Value (%s) for parameter device is invalid. %s is not a valid EBS device name.", in.Device, in.Device)
	}
	return nil
}

// slotFree checks what concerns the instance: the device name and the limits.
func (s *Server) slotFree(i *Instance, in *attachVolumeInput) error {
	kind := s.instanceType(i.Type)
	used, onCard := 0, 0
	for _, m := range s.mapping(i.ID) {
		used++
		if m.Card == in.EbsCardIndex {
			onCard++
		}
		if sameDevice(m.Device, in.Device) {
			return errorf("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is already in use", in.Device, in.Device)
		}
	}
	if kind.Shared {
		used += max(0, i.Interfaces-1)
	}
	switch {
	case in.EbsCardIndex < 0 || in.EbsCardIndex >= kind.cards():
		return errorf("InvalidParameterValue", "Value (%d) for parameter ebsCardIndex is invalid. The instance type %s has %d.", in.EbsCardIndex, i.Type, kind.cards())
	case used >= kind.MaxVolumes, kind.cards() > 1 && onCard >= kind.MaxVolumes/int(kind.cards()):
		return errorf("AttachmentLimitExceeded", "You may attach up to %d devices for this instance type. Please use a larger instance size to attach more volumes.", kind.MaxVolumes)
	}
	return nil
}

// sameDevice compares device names as EC2 does: sdf, /dev/sdf and /dev/xvdf
// are one attachment point.
func sameDevice(a, b string) bool { return plainDevice(a) == plainDevice(b) }

var devicePrefix = regexp.MustCompile(`^(/dev/)?(sd|xvd|hd)`)

func plainDevice(name string) string { return devicePrefix.ReplaceAllString(name, "") }

// retryDisk is how soon a device that could not be attached or is in use is
// tried again.
const retryDisk = 100 * time.Millisecond

// stepAttachments finishes the attachments that are due. What the machine does
// not allow yet is tried again soon after now.
func (s *Server) stepAttachments(v *Volume, at, now time.Time) {
	kept := v.Attachments[:0]
	for _, a := range v.Attachments {
		if !a.Due.IsZero() && !a.Due.After(at) && s.stepAttachment(v, &a, now) {
			continue
		}
		kept = append(kept, a)
	}
	v.Attachments = kept
	if v.State == inUse && len(kept) == 0 {
		v.State = available
	}
}

// stepAttachment reports whether the attachment has gone.
func (s *Server) stepAttachment(v *Volume, a *Attachment, now time.Time) (gone bool) {
	a.Due = time.Time{}
	if a.State == attaching {
		if err := s.plug(v, a); err != nil {
			s.o.Logger.Error("ec2test cannot attach a disk", "volume", v.ID, "instance", a.InstanceID, "error", err)
			a.Due = now.Add(retryDisk)
			return false
		}
		a.State = attached
		return false
	}
	if err := s.unplug(v, a); err != nil {
		s.o.Logger.Info("ec2test waits for the users of a disk", "volume", v.ID, "instance", a.InstanceID, "error", err)
		a.State, a.Due = busy, now.Add(retryDisk)
		return false
	}
	return true
}
