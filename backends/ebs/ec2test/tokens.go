package ec2test

import (
	"net/url"
	"time"
)

// tokenLife is how long EC2 remembers a client token at least, for EBS ("Ensure
// idempotency in EC2 API requests").
const tokenLife = 24 * time.Hour

// A token remembers what a client token was used for.
type token struct {
	Request string // the parameters without the token, in one order
	ID      string // what was made
	Used    time.Time
}

// repeated returns the id that an earlier call with the same client token
// made, empty if there was none. EC2 answers it even if that has gone since.
func (s *Server) repeated(c *call) (string, error) {
	key := c.form.Get("ClientToken")
	t := s.tokens[c.api+" "+key]
	if key == "" || t == nil || c.now.Sub(t.Used) > tokenLife {
		return "", nil
	}
	if t.Request != fingerprint(c.form) {
		return "", errorf("IdempotentParameterMismatch",
			"Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
	}
	return t.ID, nil
}

func (s *Server) remember(c *call, id string) {
	if key := c.form.Get("ClientToken"); key != "" {
		s.tokens[c.api+" "+key] = &token{Request: fingerprint(c.form), ID: id, Used: c.now}
		s.dirty = true
	}
}

// fingerprint is a form without its client token, in one order.
func fingerprint(form url.Values) string {
	rest := url.Values{}
	for k, v := range form {
		if k != "ClientToken" && k != "DryRun" {
			rest[k] = v
		}
	}
	return rest.Encode()
}
