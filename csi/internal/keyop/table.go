package keyop

import (
	"context"
	"sync"
	"time"
)

// Hooks tell of operations. Each may be nil. They must return soon and must not
// use the table: an operation, or the table, waits for them.
type Hooks struct {
	// Start is called when an operation gets its turn. The context returned
	// is the operation's and must be derived from op; done is called with
	// its description and result when it has returned. rpc is the context
	// of the RPC that asked first.
	Start func(op, rpc context.Context, i Info) (ctx context.Context, done func(Info, error))
	// Join is called for every other RPC that waits for the operation.
	Join func(op, rpc context.Context)
	// Error replaces the error of an operation by the one that all its
	// callers get: who joined may not read what the first one sent.
	Error func(op context.Context, err error) error
	// Panic is called when an operation panicked; it becomes an error.
	Panic func(op context.Context, i Info, value any, stack []byte)
}

// A Table holds the operations of one process. Make it with [New].
type Table struct {
	hooks Hooks

	mu         sync.Mutex
	closed     bool
	seq        uint64
	queues     map[string]*queue
	identities map[string]*operation
	operations map[*operation]struct{}
	stats      Stats // Waiting is not kept
}

// New makes an empty table.
func New(h Hooks) *Table {
	return &Table{
		hooks:      h,
		queues:     map[string]*queue{},
		identities: map[string]*operation{},
		operations: map[*operation]struct{}{},
	}
}

// An operation is in its table from its arrival until it has returned or has
// been dropped. What can change is guarded by the table's mutex.
type operation struct {
	Op
	keys    []Key
	seq     uint64
	rpc     context.Context
	run     func(Contexts) (any, error)
	arrived time.Time

	blocked   int       // how many of its keys it still waits for
	started   time.Time // zero while it waits
	callers   int
	abandoned bool // it ran without callers for a while, so Wait has ended
	requests  []string
	cancelled *CancelledError
	stop      context.CancelCauseFunc // ends Contexts.Op; nil before it runs
	leave     context.CancelCauseFunc // ends Contexts.Wait; nil before it runs
	op        context.Context         // Contexts.Op; nil before it runs
	joins     []context.Context       // RPCs that joined before op was there

	done   chan struct{} // closed when result and err are final
	result any
	err    error
}

// maxRequests bounds the request ids that an operation remembers.
const maxRequests = 16

func (o *operation) addRequest(id string) {
	if len(o.requests) == maxRequests {
		o.requests = append(o.requests[:1], o.requests[2:]...)
	}
	o.requests = append(o.requests, id)
}

// add puts a new operation into the queues, and starts it if it may. t.mu is
// held.
func (t *Table) add(ctx context.Context, op Op, run func(Contexts) (any, error)) *operation {
	t.seq++
	o := &operation{
		Op: op, keys: distinct(op.Keys), seq: t.seq, rpc: ctx, run: run,
		arrived: time.Now(), callers: 1, requests: []string{op.Request}, done: make(chan struct{}),
	}
	t.operations[o] = struct{}{}
	if op.Identity != "" {
		t.identities[op.Identity] = o
	}
	for _, k := range o.keys {
		if !t.queueOf(k.Name).push(o, k.Shared) {
			o.blocked++
		}
	}
	if o.blocked == 0 {
		t.start(o, o.arrived)
	}
	return o
}

func (t *Table) queueOf(key string) *queue {
	q := t.queues[key]
	if q == nil {
		q = &queue{}
		t.queues[key] = q
	}
	return q
}

// start runs o in a goroutine of its own, which ends with finish. t.mu is held.
func (t *Table) start(o *operation, now time.Time) {
	o.started = now
	t.stats.Started++
	t.stats.Running++
	ctx, stop := context.WithCancelCause(context.WithoutCancel(o.rpc))
	o.stop = stop
	go t.execute(ctx, o)
}

// finish takes o out of the table, lets those who waited for its keys run, and
// tells the callers. t.mu is held.
func (t *Table) finish(o *operation, result any, err error) {
	delete(t.operations, o)
	t.forget(o)
	if o.started.IsZero() {
		t.waited(o, time.Now())
	} else {
		t.stats.Running--
	}
	for _, k := range o.keys {
		q := t.queues[k.Name]
		q.remove(o, t.letThrough)
		if len(q.tickets) == 0 {
			delete(t.queues, k.Name)
		}
	}
	o.result, o.err = result, err
	close(o.done)
}

// letThrough tells a waiting operation that one of its keys is free. t.mu is
// held.
func (t *Table) letThrough(o *operation) {
	o.blocked--
	if o.blocked == 0 {
		now := time.Now()
		t.waited(o, now)
		t.start(o, now)
	}
}

func (t *Table) waited(o *operation, until time.Time) {
	t.stats.Waited++
	t.stats.WaitTime += until.Sub(o.arrived)
}

// forget makes sure that nobody joins o any more. t.mu is held.
func (t *Table) forget(o *operation) {
	if o.Identity != "" && t.identities[o.Identity] == o {
		delete(t.identities, o.Identity)
	}
}
