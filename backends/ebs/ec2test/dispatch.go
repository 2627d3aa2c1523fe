package ec2test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A call is a request being executed, with the server locked.
type call struct {
	api  string
	form url.Values
	dry  bool
	now  time.Time
	made []string // ids of what it made
}

// commit is called when all parameters are found good, just before something
// is changed.
func (c *call) commit() error {
	if c.dry {
		return errDryRun
	}
	return nil
}

// query answers one request of the Query protocol.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		writeError(w, "", errorf("MalformedQueryString", "%v", err))
		return
	}
	entry := Call{API: r.Form.Get("Action"), Params: r.Form, IDs: idsIn(r.Form), Began: s.now()}
	fault, latency, refusal := s.admit(&entry, r)
	var body []byte
	if refusal == nil {
		s.wait(latency / 2)
		if fault != nil {
			s.wait(fault.Delay)
		}
		body, refusal = s.execute(&entry, fault)
		s.wait(latency - latency/2)
	}
	if refusal != nil {
		entry.Code = refusal.Code
	}
	entry.Lost = fault != nil && (fault.Lose || fault.Refuse)
	s.log(entry)
	switch {
	case entry.Lost:
		panic(http.ErrAbortHandler) // net/http drops the connection
	case refusal != nil:
		writeError(w, entry.RequestID, refusal)
	default:
		writeXML(w, http.StatusOK, entry.RequestID, body)
	}
}

// admit counts a request and decides what becomes of it.
func (s *Server) admit(entry *Call, r *http.Request) (*Fault, time.Duration, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[entry.API]++
	s.requests++
	x, y := mix(s.o.Seed+s.requests), mix(s.o.Seed^s.requests)
	entry.RequestID = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(x>>32), uint16(x>>16), x&0xfff, y>>52, y&0xffffffffffff)
	switch {
	case entry.API == "":
		return nil, 0, errorf("MissingAction", "The request must contain the parameter Action")
	case apis[entry.API] == nil:
		return nil, 0, errorf("InvalidAction", "The action %s is not valid for this web service.", entry.API)
	case s.o.RequireSignature && !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		return nil, 0, errUnsigned
	case s.throttled(entry.API, entry.Began):
		return nil, 0, errThrottled
	}
	fault := s.fault(entry.API, entry.Params)
	if s.o.Latency == nil {
		return fault, 0, nil
	}
	return fault, s.o.Latency(entry.API, s.rand), nil
}

// execute runs the call, unless the fault forbids it, and returns the answer.
func (s *Server) execute(entry *Call, fault *Fault) ([]byte, *Error) {
	refusal := fault.refusal()
	if fault != nil && (fault.Refuse || refusal != nil && !fault.Execute && !fault.Lose) {
		return nil, refusal
	}
	out, err := s.run(entry)
	if refusal != nil {
		return nil, refusal
	}
	var known *Error
	if errors.As(err, &known) {
		return nil, known
	}
	var body []byte
	if err == nil {
		body, err = encode(entry.API, entry.RequestID, out)
	}
	if err != nil {
		s.o.Logger.Error("ec2test failed", "api", entry.API, "error", err)
		return nil, errorf("InternalError", "An internal error has occurred: %v", err)
	}
	return body, nil
}

// run executes a call with the server locked. What it returns shares nothing
// with the server's state.
func (s *Server) run(entry *Call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{api: entry.API, form: entry.Params, now: s.now(), dry: entry.Params.Get("DryRun") == "true"}
	s.settle(c.now)
	out, err := apis[entry.API](s, c)
	entry.IDs = append(entry.IDs, c.made...)
	if notSaved := s.save(); err == nil {
		err = notSaved
	}
	return out, err
}

func (s *Server) log(entry Call) {
	entry.Ended = s.now()
	s.o.Logger.Debug("EC2 call", "api", entry.API, "ids", entry.IDs, "code", entry.Code, "lost", entry.Lost, "duration", entry.Ended.Sub(entry.Began))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, entry)
}

// wait lets d pass on the clock, or the server end.
func (s *Server) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-s.o.Clock.After(d):
	case <-s.done.Done():
	}
}
