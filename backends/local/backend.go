package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/marker"
	"github.com/csikit/csikit/internal/namelock"
)

// TopologyKey is the one topology key of the driver. Its value is
// [Options.Node].
const TopologyKey = "topology.local.csi.csikit.dev/node"

// A Backend keeps volumes in a pool directory. It has no state of its own: all
// is in the pool and in the kernel, so that several processes can serve one
// pool, and a new one takes over from a killed one.
type Backend struct {
	o     Options
	locks namelock.File // taken in this order: source, entry, freeze, pool
}

var (
	_ csi.Backend          = (*Backend)(nil)
	_ csi.Describer        = (*Backend)(nil)
	_ csi.NodeExpander     = (*Backend)(nil)
	_ csi.Snapshotter      = (*Backend)(nil)
	_ csi.Cloner           = (*Backend)(nil)
	_ csi.VolumeLister     = (*Backend)(nil)
	_ csi.SnapshotLister   = (*Backend)(nil)
	_ csi.CapacityReporter = (*Backend)(nil)
	_ csi.Releaser         = (*Backend)(nil)
	_ csi.FormatRecorder   = (*Backend)(nil)
	_ csi.NodeDescriber    = (*Backend)(nil)
	_ csi.Ephemeral        = (*Backend)(nil)
	_ csi.Prober           = (*Backend)(nil)
)

// New makes a Backend of a pool. It checks the options and marks the pool, if it
// is there and has no mark: later a pool without it is one that is not mounted.
// [Backend.Probe] says whether the pool and the node are fit.
func New(o Options) (*Backend, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Overcommit = cmp.Or(o.Overcommit, 1)
	o.MaxVolumes = cmp.Or(o.MaxVolumes, 256)
	o.EphemeralSize = cmp.Or(o.EphemeralSize, 1<<30)
	o.MaxFreeze = cmp.Or(o.MaxFreeze, 30*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if err := marker.Make(o.Pool); err != nil {
		o.Logger.Warn("the pool cannot be marked as one", "error", err) // which Probe tells
	}
	return &Backend{o: o, locks: namelock.File(filepath.Join(o.Pool, "lock"))}, nil
}

// Traits implements [csi.Describer]. Many nodes may read, in so far as there are
// many where the volume is: that is what Kubernetes asks of a ReadOnlyMany claim,
// whose pods the topology brings to the one node.
func (b *Backend) Traits() csi.Traits {
	modes := []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeSingleWriter, csi.SingleNodeMultiWriter, csi.MultiNodeReaderOnly}
	return csi.Traits{Mount: modes, Block: modes, TopologyKeys: []string{TopologyKey}}
}

// DescribeNode implements [csi.NodeDescriber].
func (b *Backend) DescribeNode(context.Context) (csi.NodeInfo, error) {
	return csi.NodeInfo{ID: b.o.Node, MaxVolumes: b.o.MaxVolumes, Topology: b.topology()}, nil
}

func (b *Backend) topology() csi.Topology { return csi.Topology{TopologyKey: b.o.Node} }

// Probe implements [csi.Prober]. It also cleans up behind killed processes: it
// thaws what they left frozen, and removes what they left half made.
func (b *Backend) Probe(context.Context) error {
	if err := b.present(); err != nil {
		return err
	}
	lock, err := b.locks.Open()
	if err != nil {
		return fmt.Errorf("the pool %s cannot be written: %w", b.o.Pool, err)
	}
	_ = lock.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no loop devices: %w (load the kernel module loop; a container needs privileges and the host's /dev)", err)
	}
	b.sweep()
	return errors.Join(control.Close(), b.thawLeftovers())
}

// locked calls f with the lock of name held, among all operations of all
// processes on the pool.
func (b *Backend) locked(ctx context.Context, name string, m namelock.Mode, f func() error) error {
	unlock, err := b.locks.Lock(ctx, name, m)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// path returns a path below the pool. Its elements come from this package or
// are hashes, never from a caller.
func (b *Backend) path(elements ...string) string {
	return filepath.Join(append([]string{b.o.Pool}, elements...)...)
}
