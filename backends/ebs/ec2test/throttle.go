package ec2test

import (
	"strings"
	"time"
)

// A Bucket allows Burst calls at once and Rate more each second.
type Bucket struct {
	Burst float64
	Rate  float64
}

// EC2Buckets are the default request limits of an account (EC2 API reference,
// "Request throttling", token bucket sizes and refill rates, 2024): describing
// calls 100 plus 20 a second, mutating ones 50 plus 5.
func EC2Buckets() map[string]Bucket {
	buckets := map[string]Bucket{}
	for name := range apis {
		if strings.HasPrefix(name, "Describe") {
			buckets[name] = Bucket{Burst: 100, Rate: 20}
		} else {
			buckets[name] = Bucket{Burst: 50, Rate: 5}
		}
	}
	return buckets
}

// level is what is in a bucket.
type level struct {
	tokens float64
	at     time.Time
}

// throttled takes a token of the API's bucket, if there is one.
func (s *Server) throttled(api string, now time.Time) bool {
	b, limited := s.o.Buckets[api]
	if !limited {
		b, limited = s.o.Buckets[""]
	}
	if !limited {
		return false
	}
	l := s.levels[api]
	if l == nil {
		l = &level{tokens: b.Burst, at: now}
		s.levels[api] = l
	}
	l.tokens = min(b.Burst, l.tokens+b.Rate*now.Sub(l.at).Seconds())
	l.at = now
	if l.tokens < 1 {
		return true
	}
	l.tokens--
	return false
}
