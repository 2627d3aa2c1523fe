package ec2test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// A Call is a line of the log.
type Call struct {
	// API is the action, such as "AttachVolume".
	API string
	// Params are the parameters as they were sent.
	Params url.Values
	// IDs are the resources that the request named, and those it made.
	IDs []string
	// Code is the error that was answered, empty if none. Lost says that no
	// answer was given at all.
	Code string
	Lost bool
	// RequestID is the one of the answer.
	RequestID string
	// Began and Ended are when the request arrived and was answered.
	Began, Ended time.Time
}

// Calls returns what was called since the start or [Server.ForgetCalls], in the
// order of arrival. Calls that have not been answered are not in it.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.Clone(s.calls)
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Began.Compare(b.Began) })
	return calls
}

// CallsTo returns the calls of one API.
func (s *Server) CallsTo(api string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.API != api })
}

// Counts returns how often each API was called, refused calls included.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Refused returns how many calls were answered with the error code, such as
// "RequestLimitExceeded".
func (s *Server) Refused(code string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Code == code {
			n++
		}
	}
	return n
}

// ForgetCalls empties the log and the counts.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.counts = nil, map[string]int{}
}

var anID = regexp.MustCompile(`^(vol|snap|i)-[0-9a-z]+$`)

// idsIn are the ids among the parameters of a request, sorted.
func idsIn(form url.Values) []string {
	var ids []string
	for _, values := range form {
		for _, v := range values {
			if anID.MatchString(v) {
				ids = append(ids, v)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
