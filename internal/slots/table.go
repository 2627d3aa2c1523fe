package slots

import (
	"slices"
	"sync"
	"time"
)

// A Table reserves slots of machines for volumes. All methods may be called from
// any goroutine.
type Table struct {
	names []string // of the slots of each machine, in the order in which they are tried
	age   time.Duration

	mu    sync.Mutex
	nodes map[string]*machine
}

// New makes a table of machines that have the slots of these names. What a
// mapping showed is good for age; what it does not show so long after a
// reservation was not used, or is free again.
func New(names []string, age time.Duration) *Table {
	return &Table{names: names, age: age, nodes: map[string]*machine{}}
}

type machine struct {
	mapped []string        // by the mapping, when it was asked for
	asked  time.Time       // zero: it has to be
	held   map[string]hold // by name
	next   int             // where to look first: names rest after use
}

type hold struct {
	volume string
	since  time.Time
	until  time.Time // zero: until it is seen
}

func (d *Table) node(id string) *machine {
	if d.nodes[id] == nil {
		d.nodes[id] = &machine{held: map[string]hold{}}
	}
	return d.nodes[id]
}

// Seen tells which names the mapping of a node shows that was asked for then.
// What it does not show for long was detached by somebody else.
func (d *Table) Seen(node string, mapped []string, asked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(node)
	n.mapped, n.asked = mapped, asked
	for name, h := range n.held {
		doubtful := !h.until.IsZero()
		if slices.Contains(mapped, name) || doubtful && asked.After(h.until) || !doubtful && asked.Sub(h.since) > d.age {
			delete(n.held, name)
		}
	}
}

// Take reserves a name for a volume, or returns "" if there is none, or if the
// mapping has to be seen again. A volume that holds a name gets that.
func (d *Table) Take(node, volume string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(node)
	if time.Since(n.asked) > d.age {
		return ""
	}
	for name, h := range n.held {
		if h.volume == volume && h.until.IsZero() {
			return name
		}
	}
	for i := range d.names {
		at := (n.next + i) % len(d.names)
		name := d.names[at]
		if _, taken := n.held[name]; !taken && !slices.Contains(n.mapped, name) {
			n.held[name], n.next = hold{volume: volume, since: time.Now()}, at+1
			return name
		}
	}
	return ""
}

// Settle says what became of the name that a volume holds: it is doubtful, or,
// with 0, nothing is attached there. What is attached stays held until it is
// seen.
func (d *Table) Settle(node, volume string, doubt time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(node)
	for name, h := range n.held {
		switch {
		case h.volume != volume || !h.until.IsZero():
		case doubt > 0:
			n.held[name], n.asked = hold{volume: volume, until: time.Now().Add(doubt)}, time.Time{}
		default:
			delete(n.held, name)
		}
	}
}
