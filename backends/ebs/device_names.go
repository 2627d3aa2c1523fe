package ebs

import (
	"slices"
	"sync"
	"time"
)

// candidates are the device names to attach volumes at, in the order in which
// they are tried: as in aws-ebs-csi-driver (device_names.go), but no two are the
// same attachment point, as /dev/sdf and /dev/xvdf are. The short ones can collide
// with disks of the instance; those with c do not work on some Windows instances.
var candidates = func() (names []string) {
	for _, series := range []string{"xvdaa-z", "xvdba-z", "xvdda-x", "xvdb-z", "xvdca-z"} {
		stem, first, last := series[:len(series)-3], series[len(series)-3], series[len(series)-1]
		for c := first; c <= last; c++ {
			names = append(names, "/dev/"+stem+string(c))
		}
	}
	return append(names, "/dev/sda2")
}()

// deviceNames reserves device names, of every node. A name is held from before
// the call until it is seen in the instance's mapping, which lags, or until its
// attachment is known not to exist; a name that EC2 says is in use although
// nobody sees it is doubtful, and left alone for an hour.
type deviceNames struct {
	mu    sync.Mutex
	nodes map[string]*nodeNames
}

type nodeNames struct {
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

const doubtfulFor = time.Hour

func (d *deviceNames) node(id string) *nodeNames {
	if d.nodes == nil {
		d.nodes = map[string]*nodeNames{}
	}
	if d.nodes[id] == nil {
		d.nodes[id] = &nodeNames{held: map[string]hold{}}
	}
	return d.nodes[id]
}

// seen tells which names the mapping of a node shows that was asked for then.
// What it does not show for long was detached by somebody else.
func (d *deviceNames) seen(node string, mapped []string, asked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(node)
	n.mapped, n.asked = mapped, asked
	for name, h := range n.held {
		doubtful := !h.until.IsZero()
		if slices.Contains(mapped, name) || doubtful && asked.After(h.until) || !doubtful && asked.Sub(h.since) > mappingAge {
			delete(n.held, name)
		}
	}
}

// take reserves a name for a volume, or returns "" if there is none, or if the
// mapping that was seen is older than age. A volume that holds a name gets that.
func (d *deviceNames) take(node, volume string, age time.Duration) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(node)
	if time.Since(n.asked) > age {
		return ""
	}
	for name, h := range n.held {
		if h.volume == volume && h.until.IsZero() {
			return name
		}
	}
	for i := range candidates {
		at := (n.next + i) % len(candidates)
		name := candidates[at]
		if _, taken := n.held[name]; !taken && !slices.Contains(n.mapped, name) {
			n.held[name], n.next = hold{volume: volume, since: time.Now()}, at+1
			return name
		}
	}
	return ""
}

// settle says what became of the name that a volume holds: it is doubtful, or,
// with 0, nothing is attached there. What is attached stays held until it is
// seen.
func (d *deviceNames) settle(node, volume string, doubt time.Duration) {
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
