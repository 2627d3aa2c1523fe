package ec2test

import (
	"net/url"
	"slices"
	"time"
)

// A Fault makes calls go wrong.
type Fault struct {
	// API is the call, such as "AttachVolume"; empty is every call.
	API string
	// Match narrows it to requests whose parameters it accepts; nil is all. It
	// is called with the server locked: it must not call the server.
	Match func(url.Values) bool
	// Skip lets so many matching calls pass first.
	Skip int
	// Count is how many calls go wrong; 0 is all until the fault is removed.
	Count int
	// Probability, if not 0, lets chance decide for each matching call.
	Probability float64
	// Code is the error to answer, such as "InternalError"; with Message, and
	// Status (400, or 500 for codes that are the server's, if 0).
	Code, Message string
	Status        int
	// Execute executes the call all the same: the answer is a lie.
	Execute bool
	// Lose executes the call and drops the connection instead of answering;
	// with Refuse it is dropped and not executed.
	Lose, Refuse bool
	// Delay is added to the call's latency, before it is executed.
	Delay time.Duration
}

type injected struct {
	Fault
	skipped, used int
}

// Inject adds a fault. The first one that matches a call wins, in the order of
// injection. Call remove to end it.
func (s *Server) Inject(f Fault) (remove func()) {
	in := &injected{Fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, in)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(other *injected) bool { return other == in })
	}
}

// fault returns what goes wrong with a call, nil if nothing does.
func (s *Server) fault(api string, form url.Values) *Fault {
	for _, f := range s.faults {
		switch {
		case f.API != "" && f.API != api, f.Count > 0 && f.used == f.Count, f.Match != nil && !f.Match(form):
		case f.skipped < f.Skip:
			f.skipped++
		case f.Probability > 0 && s.rand.Float64() >= f.Probability:
		default:
			f.used++
			return &f.Fault
		}
	}
	return nil
}

// refusal is the error that a fault answers, nil if it has none.
func (f *Fault) refusal() *Error {
	if f == nil || f.Code == "" {
		return nil
	}
	e := &Error{Code: f.Code, Message: f.Message, Status: f.Status}
	if e.Message == "" {
		e.Message = "Injected by the test."
	}
	return e
}
