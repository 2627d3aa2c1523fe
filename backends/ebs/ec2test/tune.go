package ec2test

// SetTimings changes how long the changes of state take that begin from now on.
func (s *Server) SetTimings(t Timings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Timings = t
}

// SetLag changes how long changes from now on stay invisible to calls that
// describe.
func (s *Server) SetLag(lag Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Lag = lag
}

// SetLatency changes the duration of calls; nil is none.
func (s *Server) SetLatency(l Latency) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Latency = l
}

// SetBuckets limits the rate of calls anew, with full buckets; nil is no limit.
func (s *Server) SetBuckets(buckets map[string]Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Buckets, s.levels = buckets, map[string]*level{}
}

// SetKey says whether a KMS key can be used, for volumes that are created from
// now on; see [Options].BadKeys.
func (s *Server) SetKey(key string, usable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.badKeys[key] = !usable
}
