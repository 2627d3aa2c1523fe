package ec2test

import "time"

type snapshotInput struct{ SnapshotID string }

func (s *Server) deleteSnapshot(c *call, in *snapshotInput) (any, error) {
	n, err := existing(s.snapshots, "snap", in.SnapshotID)
	switch {
	case err != nil:
		return nil, err
	case n.OwnerID != s.o.Account:
		return nil, errorf("UnauthorizedOperation", "You are not authorized to perform this operation.")
	case n.Lock.holds(c.now):
		// The code of this refusal was found in no public source.
		return nil, errorf("OperationNotPermitted", "The snapshot '%s' is locked in %s mode and cannot be deleted.", n.ID, n.Lock.state(c.now))
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	if err := s.removeImage(n.ID); err != nil {
		return nil, err
	}
	s.snapshots.put(n.ID, nil, s.visible(c.now), s.keep(c.now))
	s.schedule(n.ID, time.Time{})
	s.dirty = true
	return done{true}, nil
}
