package ec2test

// Volumes returns all volumes as they really are, roots included, in the order
// of their ids.
func (s *Server) Volumes() []Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.now())
	return s.volumes.truths()
}

// Volume returns a volume as it really is, and whether it exists.
func (s *Server) Volume(id string) (Volume, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.now())
	v := s.volumes.truth(id)
	if v == nil {
		return Volume{}, false
	}
	return *v.clone(), true
}

// Attached reports whether a volume is really connected to an instance in any
// way: attaching, attached, detaching or busy.
func (s *Server) Attached(volume, instance string) bool {
	v, _ := s.Volume(volume)
	return v.attachment(instance) != nil
}

// Instances returns all instances, in the order of their ids.
func (s *Server) Instances() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances.truths()
}

// Snapshots returns all snapshots as they really are, in the order of their
// ids.
func (s *Server) Snapshots() []Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.now())
	return s.snapshots.truths()
}

// Account is the number of the account.
func (s *Server) Account() string { return s.o.Account }

// Region is the name of the region.
func (s *Server) Region() string { return s.o.Region }
