package ec2test

import (
	"strings"
	"time"
)

// clockwork makes what is due happen, also while nobody calls. Requests settle
// what is due themselves, so that with a stepped clock a client that asks after
// the step sees its effect.
func (s *Server) clockwork() {
	for {
		s.mu.Lock()
		now := s.now()
		s.settle(now)
		_, next := s.nextDue()
		s.mu.Unlock()
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = s.o.Clock.After(next.Sub(now))
		}
		select {
		case <-timer:
		case <-s.wake:
		case <-s.done.Done():
			return
		}
	}
}

// Settle makes happen what is due by the clock, as each call does. It is for
// tests that look at [Disks] after stepping a clock.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(s.now())
}

// settle applies all changes that are due, one by one in their order.
func (s *Server) settle(now time.Time) {
	for {
		id, at := s.nextDue()
		if at.IsZero() || at.After(now) {
			break
		}
		switch {
		case strings.HasPrefix(id, "vol-"):
			s.stepVolume(id, at, now)
		case strings.HasPrefix(id, "snap-"):
			s.stepSnapshot(id, at)
		}
	}
	_ = s.save() // logged; what a call changes is saved again before its answer
}

func (s *Server) nextDue() (id string, at time.Time) {
	for i, t := range s.due {
		if at.IsZero() || t.Before(at) || t.Equal(at) && i < id {
			id, at = i, t
		}
	}
	return id, at
}

// schedule notes when a resource changes next; the zero time is never.
func (s *Server) schedule(id string, at time.Time) {
	if at.IsZero() {
		delete(s.due, id)
		return
	}
	s.due[id] = at
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// visible draws when a change that happens now can be seen.
func (s *Server) visible(now time.Time) time.Time { return now.Add(s.o.Lag.draw(s.rand)) }

// keep is the oldest moment that a reader may look from.
func (s *Server) keep(now time.Time) time.Time {
	return now.Add(-max(s.o.MappingLag.Min, s.o.MappingLag.Max))
}

// earlier returns the earlier of two times, of which the zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
