package csitest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/csikit/csikit/csi"
)

// MemoryOptions are the properties of a [Memory]. The zero value of each field
// is a sane default, and nil *MemoryOptions is the zero MemoryOptions.
type MemoryOptions struct {
	// Nodes are the nodes that volumes can be attached to; the first is the
	// one that the plugin runs on. Empty means node-1, node-2 and node-3,
	// which take 64 volumes each. If they have topologies, all must have
	// the same keys; the driver then has topology.
	Nodes []csi.NodeInfo
	// Capacity is the size of the store in bytes; 0 is 1 TiB.
	Capacity int64
	// Traits, if not nil, replaces what the store says of itself.
	Traits *csi.Traits
	// SlowSnapshots makes a snapshot ready only when it is looked at for
	// the second time.
	SlowSnapshots bool
}

// Limits of a volume in a [Memory].
const (
	MemoryGranule   = 1 << 20   // sizes are multiples of this
	MemoryMinVolume = 1 << 20   // the smallest volume
	MemoryMaxVolume = 128 << 30 // the largest volume
)

// A Memory is the reference backend: a storage system in memory that does
// what the contract of package csi says, with every optional interface that a
// shared file system can have. Its volumes are [csi.Share] of type "mem", so
// that it runs without root on an in-memory mount table; it holds no data.
//
// A Memory outlives drivers: a second driver made of it is the first one
// after a restart. All methods may be called concurrently.
//
// Turn abilities off with [csi.Options.Disable]; [Memory.Minimal] and
// [Memory.LocateOnly] hide them from the compiler.
type Memory struct {
	*store
	node string // the node that this instance of the plugin runs on
	// blind says that it does not see which nodes use a volume, since
	// nobody tells it of the end.
	blind bool
}

// store is what all nodes see.
type store struct {
	mu        sync.Mutex
	opts      MemoryOptions
	volumes   map[string]*memoryVolume
	snapshots map[string]*memorySnapshot
	groups    map[string]*memoryGroup
	ephemeral map[string]map[string]bool // by id, the nodes that have it
	serial    int
	clock     func() time.Time
}

type memoryVolume struct {
	csi.Volume
	name       string
	parameters map[string]string
	attached   map[string]csi.Attachment // by node
	located    map[string]bool           // by node
	grown      map[string]int64          // by node: the size it has seen
}

type memorySnapshot struct {
	csi.Snapshot
	name  string
	looks int
}

var (
	_ csi.Backend          = (*Memory)(nil)
	_ csi.Describer        = (*Memory)(nil)
	_ csi.AccessChecker    = (*Memory)(nil)
	_ csi.Attacher         = (*Memory)(nil)
	_ csi.Expander         = (*Memory)(nil)
	_ csi.NodeExpander     = (*Memory)(nil)
	_ csi.Modifier         = (*Memory)(nil)
	_ csi.Snapshotter      = (*Memory)(nil)
	_ csi.GroupSnapshotter = (*Memory)(nil)
	_ csi.Cloner           = (*Memory)(nil)
	_ csi.VolumeLister     = (*Memory)(nil)
	_ csi.SnapshotLister   = (*Memory)(nil)
	_ csi.CapacityReporter = (*Memory)(nil)
	_ csi.UsageReporter    = (*Memory)(nil)
	_ csi.NodeDescriber    = (*Memory)(nil)
	_ csi.Releaser         = (*Memory)(nil)
	_ csi.Ephemeral        = (*Memory)(nil)
	_ csi.Prober           = (*Memory)(nil)
)

// NewMemory makes an empty store. opts may be nil.
func NewMemory(opts *MemoryOptions) *Memory {
	s := &store{
		volumes:   map[string]*memoryVolume{},
		snapshots: map[string]*memorySnapshot{},
		groups:    map[string]*memoryGroup{},
		ephemeral: map[string]map[string]bool{},
		clock:     time.Now,
	}
	if opts != nil {
		s.opts = *opts
	}
	s.opts.Capacity = cmp.Or(s.opts.Capacity, 1<<40)
	if len(s.opts.Nodes) == 0 {
		s.opts.Nodes = []csi.NodeInfo{{ID: "node-1", MaxVolumes: 64}, {ID: "node-2", MaxVolumes: 64}, {ID: "node-3", MaxVolumes: 64}}
	}
	return &Memory{store: s, node: s.opts.Nodes[0].ID}
}

// On returns the same store as the plugin on another node sees it.
func (m *Memory) On(node string) *Memory { return &Memory{store: m.store, node: node} }

// Minimal is the store as a backend of four methods, and Traits to say that it
// has no raw volumes. It does not see whether a volume is in use.
func (m *Memory) Minimal() csi.Backend {
	return minimal{&Memory{store: m.store, node: m.node, blind: true}}
}

// LocateOnly is the store as a driver of volumes made by hand, with the one
// method that [csi.New] requires.
func (m *Memory) LocateOnly() csi.Locator {
	return locateOnly{&Memory{store: m.store, node: m.node, blind: true}}
}

type (
	minimal    struct{ csi.Backend }
	locateOnly struct{ csi.Locator }
)

// Traits implements [csi.Describer].
func (minimal) Traits() csi.Traits { return csi.Traits{Block: []csi.AccessMode{}} }

// Traits implements [csi.Describer].
func (locateOnly) Traits() csi.Traits { return csi.Traits{Block: []csi.AccessMode{}} }

// Left says what is in the store: volumes, snapshots, attachments, and
// volumes that a node still uses. A test that cleans up leaves nothing.
func (m *Memory) Left() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []string
	for id, v := range m.volumes {
		left = append(left, fmt.Sprintf("volume %s (%q), attached to %v, located on %v", id, v.name, keys(v.attached), keys(v.located)))
	}
	for id, s := range m.snapshots {
		left = append(left, fmt.Sprintf("snapshot %s (%q)", id, s.name))
	}
	for id, g := range m.groups {
		left = append(left, fmt.Sprintf("group snapshot %s (%q)", id, g.name))
	}
	for id, nodes := range m.ephemeral {
		left = append(left, fmt.Sprintf("ephemeral volume %s on %v", id, keys(nodes)))
	}
	slices.Sort(left)
	return left
}

// Probe implements [csi.Prober].
func (m *Memory) Probe(context.Context) error { return nil }

// volume finds a volume; the caller holds the lock.
func (m *Memory) volume(id string) (*memoryVolume, error) {
	if v := m.volumes[id]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("%w: no volume %q in memory", csi.ErrNotFound, id)
}

// lock takes the store unless ctx has ended.
func (m *Memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	return nil
}

func (m *Memory) newID(kind string) string {
	m.serial++
	return fmt.Sprintf("mem-%s-%06d", kind, m.serial)
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
