package keyop

import (
	"slices"
	"strings"
	"time"
)

// Info describes an operation at one moment.
type Info struct {
	RPC, ID string
	Keys    []Key
	// Requests are the ids of the RPCs that asked for it, oldest first: the
	// first one and the latest of those that joined.
	Requests []string
	// Callers is how many RPCs wait for the result now.
	Callers int
	// Arrived is when it was asked for, Started when it got its turn; the
	// zero time while it waits.
	Arrived, Started time.Time
	// Cancelled is the RPC that cancelled it, or "".
	Cancelled string
}

// Waiting reports whether the operation waits for its turn.
func (i Info) Waiting() bool { return i.Started.IsZero() }

func (i Info) title() string { return (&Op{RPC: i.RPC, ID: i.ID}).title() }

func (i Info) request() string {
	if len(i.Requests) == 0 {
		return orUnknown("")
	}
	return orUnknown(i.Requests[0])
}

// Stats are counters since the table was made, and two gauges.
type Stats struct {
	// Started counts the operations that ran, Joined the RPCs that shared
	// one of another RPC.
	Started, Joined uint64
	// Waited counts the operations that had to wait for their turn, whether
	// they got it or not, and WaitTime is how long they did.
	Waited   uint64
	WaitTime time.Duration
	// Running and Waiting are how many there are now.
	Running, Waiting int
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Waiting = len(t.operations) - s.Running
	return s
}

// Snapshot returns the running and waiting operations in order of arrival.
func (t *Table) Snapshot() []Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	return infos(t.inOrder())
}

// inOrder returns the operations in order of arrival. t.mu is held.
func (t *Table) inOrder() []*operation {
	out := make([]*operation, 0, len(t.operations))
	for o := range t.operations {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *operation) int { return int(a.seq) - int(b.seq) })
	return out
}

func infos(list []*operation) []Info {
	out := make([]Info, len(list))
	for i, o := range list {
		out[i] = o.info()
	}
	return out
}

// info describes o. The table's mutex is held.
func (o *operation) info() Info {
	i := Info{
		RPC: o.RPC, ID: o.ID, Keys: o.keys, Requests: slices.Clone(o.requests),
		Callers: o.callers, Arrived: o.arrived, Started: o.started,
	}
	if o.cancelled != nil {
		i.Cancelled = strings.TrimSpace(o.cancelled.RPC + " " + o.cancelled.Request)
	}
	return i
}
