package ec2test

import (
	"math/rand/v2"
	"time"
)

// A Span is a duration drawn evenly between Min and Max. Max below Min counts
// as Min, so that Span{Min: d} is always d.
type Span struct{ Min, Max time.Duration }

func (s Span) draw(r *rand.Rand) time.Duration {
	if s.Max <= s.Min {
		return s.Min
	}
	return s.Min + time.Duration(r.Int64N(int64(s.Max-s.Min)+1))
}

// Timings are the durations of EC2's state changes.
type Timings struct {
	// Create is creating to available; Copy and Restore the same for
	// CopyVolumes and for a volume from a snapshot.
	Create, Copy, Restore Span
	// KMSFailure is creating to gone, for a key that cannot be used.
	KMSFailure Span
	// Delete is deleting to gone.
	Delete Span
	// Attach is attaching to attached, Detach detaching to detached.
	Attach, Detach Span
	// Modify is modifying to optimizing, Optimize optimizing to completed. A
	// volume has its new size and performance from optimizing on.
	Modify, Optimize Span
	// Initialize is how long a volume made from data is initializing after it
	// became available.
	Initialize Span
	// Snapshot is pending to completed, with progress in between.
	Snapshot Span
	// FastRestore is each step of enabling, optimizing, enabled, and of
	// disabling, disabled.
	FastRestore Span
}

// EC2Timings are durations near those of EC2 for small volumes. Create and
// Attach follow the figures in aws-ebs-csi-driver's pkg/cloud/cloud.go (create
// p50 1.5 s); the others are estimates.
func EC2Timings() Timings {
	span := func(lo, hi time.Duration) Span { return Span{lo, hi} }
	return Timings{
		Create: span(1200*time.Millisecond, 4*time.Second), Copy: span(2*time.Second, 6*time.Second), Restore: span(1500*time.Millisecond, 4*time.Second),
		KMSFailure: span(time.Second, 3*time.Second), Delete: span(time.Second, 3*time.Second),
		Attach: span(1500*time.Millisecond, 4*time.Second), Detach: span(2*time.Second, 6*time.Second),
		Modify: span(2*time.Second, 8*time.Second), Optimize: span(time.Minute, 5*time.Minute), Initialize: span(time.Minute, 5*time.Minute),
		Snapshot: span(20*time.Second, 90*time.Second), FastRestore: span(time.Minute, 5*time.Minute),
	}
}

// Scale returns the timings multiplied by f; 0.01 makes seconds of minutes.
func (t Timings) Scale(f float64) Timings {
	for _, s := range []*Span{&t.Create, &t.Copy, &t.Restore, &t.KMSFailure, &t.Delete, &t.Attach, &t.Detach, &t.Modify, &t.Optimize, &t.Initialize, &t.Snapshot, &t.FastRestore} {
		s.Min, s.Max = time.Duration(float64(s.Min)*f), time.Duration(float64(s.Max)*f)
	}
	return t
}
