package poll

import (
	"context"
	"sync"
	"sync/atomic"
)

// A Scope is what pollers share. Who asks for a thing of one kind may soon ask, or
// wait, for one of another: they are one crowd.
type Scope struct {
	life  context.Context
	group *sync.WaitGroup
	crowd atomic.Int64 // who ask, who wait, and those whose change has not begun

	mu      sync.Mutex
	tickets int64
	queued  map[int64]any // by ticket, the poller that is asked
}

// NewScope makes a scope of pollers that read with life, in goroutines of group.
// These end when nobody asks, or with life.
func NewScope(life context.Context, group *sync.WaitGroup) *Scope {
	return &Scope{life: life, group: group, queued: map[int64]any{}}
}

// join makes the crowd larger by one, until what it returns is called.
func (s *Scope) join() (leave func()) {
	s.crowd.Add(1)
	return sync.OnceFunc(func() { s.crowd.Add(-1) })
}

// queue gives a ticket to one who asks a poller at once. Later ones are larger.
func (s *Scope) queue(poller any) (ticket int64, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets++
	ticket = s.tickets
	s.queued[ticket] = poller
	return ticket, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.queued, ticket)
	}
}

// elsewhere reports whether somebody who came before asks another poller still.
func (s *Scope) elsewhere(poller any, before int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ticket, asked := range s.queued {
		if ticket < before && asked != poller {
			return true
		}
	}
	return false
}
