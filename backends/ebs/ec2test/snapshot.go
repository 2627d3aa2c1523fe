package ec2test

import (
	"maps"
	"time"
)

const pending = "pending"

// A Snapshot is what EC2 knows of one.
type Snapshot struct {
	ID, VolumeID string
	State        string // pending, completed, error
	Message      string
	Size         int64 // GiB of the volume
	Encrypted    bool
	KMSKey       string
	Description  string
	OutpostARN   string
	OwnerID      string
	Started      time.Time
	Completed    time.Time
	Duration     time.Duration // from Started to Completed
	Tags         map[string]string
	FastRestores map[string]FastRestore // by zone
	Lock         *Lock

	Due     time.Time // the end of State
	Copying bool      // data is being copied: Due has to wait
}

func (n *Snapshot) clone() *Snapshot {
	c := *n
	c.Tags, c.FastRestores = maps.Clone(n.Tags), maps.Clone(n.FastRestores)
	if n.Lock != nil {
		lock := *n.Lock
		c.Lock = &lock
	}
	return &c
}

// next is when something of the snapshot changes by itself.
func (n *Snapshot) next() (at time.Time) {
	if !n.Copying {
		at = n.Due
	}
	for _, f := range n.FastRestores {
		if !n.delays(f) {
			at = earlier(at, f.Due)
		}
	}
	return at
}

// progress is the percentage that is copied.
func (n *Snapshot) progress(now time.Time) int64 {
	switch {
	case n.State == completed:
		return 100
	case n.Duration <= 0:
		return 0
	}
	return min(99, max(0, int64(100*now.Sub(n.Started)/n.Duration)))
}

func (s *Server) putSnapshot(n *Snapshot, now time.Time) {
	s.snapshots.put(n.ID, n, s.visible(now), s.keep(now))
	s.schedule(n.ID, n.next())
	s.dirty = true
}

// stepSnapshot applies what is due of a snapshot at a moment.
func (s *Server) stepSnapshot(id string, at time.Time) {
	n := s.snapshots.truth(id)
	if !n.Due.IsZero() && !n.Due.After(at) && !n.Copying {
		n.State, n.Completed, n.Due = completed, n.Due, time.Time{}
	}
	s.stepFastRestores(n, at)
	s.putSnapshot(n, at)
}

// FailSnapshot makes a pending snapshot end in error, with EC2's message.
func (s *Server) FailSnapshot(id, message string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := existing(s.snapshots, "snap", id)
	if err != nil {
		return err
	}
	n.State, n.Message, n.Due = failed, message, time.Time{}
	s.putSnapshot(n, s.now())
	return s.save()
}
