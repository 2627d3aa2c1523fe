package ec2test

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Latency draws how long a call of an API takes. Half of it passes before
// the call is executed and half after.
type Latency func(api string, r *rand.Rand) time.Duration

// Constant is the latency d for every call.
func Constant(d time.Duration) Latency {
	return func(string, *rand.Rand) time.Duration { return d }
}

// Between draws latencies evenly.
func Between(lo, hi time.Duration) Latency {
	return func(_ string, r *rand.Rand) time.Duration { return Span{lo, hi}.draw(r) }
}

// LogNormal has half of its latencies below p50 and 99 of 100 below p99, with
// a long tail, as services have.
func LogNormal(p50, p99 time.Duration) Latency {
	const z99 = 2.3263 // the normal distribution's 99th percentile
	sigma := math.Log(float64(p99)/float64(p50)) / z99
	return func(_ string, r *rand.Rand) time.Duration {
		return time.Duration(float64(p50) * math.Exp(sigma*r.NormFloat64()))
	}
}
