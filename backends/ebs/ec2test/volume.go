package ec2test

import (
	"maps"
	"slices"
	"time"
)

// The states of a volume.
const (
	creating  = "creating"
	available = "available"
	inUse     = "in-use"
	deleting  = "deleting"
	failed    = "error"
)

// A Volume is what EC2 knows of one. Sizes are in GiB, throughput in MiB/s.
type Volume struct {
	ID, Type, Zone     string
	State              string // creating, available, in-use, deleting, error
	Size               int64
	IOPS, Throughput   int64 // 0 where the type has none
	Encrypted          bool
	KMSKey             string
	MultiAttach        bool
	SnapshotID         string // the source, or empty
	SourceVolumeID     string // of CopyVolumes
	OutpostARN         string
	InitializationRate int64
	FastRestored       bool
	Created            time.Time
	Initialized        time.Time // when all data is there
	Tags               map[string]string
	Attachments        []Attachment
	Modification       *Modification
	Modified           []time.Time // when modifications began, in the last 24 hours
	Status             string      // of DescribeVolumeStatus: ok, impaired, ...
	IODisabled         bool

	Due     time.Time // the end of State
	Doomed  bool      // vanishes at Due: its key is bad
	Copying bool      // data is being copied into the image: Due has to wait
}

// An Attachment connects a volume to an instance.
type Attachment struct {
	InstanceID          string
	Device              string // /dev/xvdaa
	State               string // attaching, attached, detaching, busy
	Since               time.Time
	Card                int64
	DeleteOnTermination bool
	Force               bool      // of DetachVolume: does not wait for users
	Due                 time.Time // the end of State
}

func (v *Volume) clone() *Volume {
	c := *v
	c.Tags, c.Attachments, c.Modified = maps.Clone(v.Tags), slices.Clone(v.Attachments), slices.Clone(v.Modified)
	if v.Modification != nil {
		m := *v.Modification
		c.Modification = &m
	}
	return &c
}

// attachment returns the one to an instance, or nil.
func (v *Volume) attachment(instance string) *Attachment {
	for i := range v.Attachments {
		if v.Attachments[i].InstanceID == instance {
			return &v.Attachments[i]
		}
	}
	return nil
}

// next is when something of the volume changes by itself. Attachments that are
// held do not.
func (v *Volume) next(held bool) (at time.Time) {
	if !v.Copying {
		at = v.Due
	}
	for _, a := range v.Attachments {
		if !held {
			at = earlier(at, a.Due)
		}
	}
	if v.Modification != nil {
		at = earlier(at, v.Modification.Due)
	}
	return at
}

// putVolume makes the changes to v known: now to the server, after the lag to
// clients.
func (s *Server) putVolume(v *Volume, now time.Time) {
	s.volumes.put(v.ID, v, s.visible(now), s.keep(now))
	s.schedule(v.ID, v.next(s.holdAll || s.held[v.ID]))
	s.dirty = true
}

func (s *Server) dropVolume(v *Volume, now time.Time) {
	if err := s.removeImage(v.ID); err != nil {
		s.o.Logger.Error("ec2test cannot remove the image of a deleted volume", "volume", v.ID, "error", err)
	}
	s.volumes.put(v.ID, nil, s.visible(now), s.keep(now))
	s.schedule(v.ID, time.Time{})
	delete(s.held, v.ID)
	s.dirty = true
}

// stepVolume applies what is due of a volume at a moment. Retries of what
// could not be done count from now.
func (s *Server) stepVolume(id string, at, now time.Time) {
	v := s.volumes.truth(id)
	if !v.Due.IsZero() && !v.Due.After(at) && !v.Copying {
		v.Due = time.Time{}
		if v.State == deleting || v.Doomed {
			s.dropVolume(v, at)
			return
		}
		v.State = available
	}
	if !s.holdAll && !s.held[id] {
		s.stepAttachments(v, at, now)
	}
	s.stepModification(v, at)
	s.putVolume(v, at)
}
