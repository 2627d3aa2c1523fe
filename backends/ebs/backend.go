package ebs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/gather"
	"github.com/csikit/csikit/internal/poll"
	"github.com/csikit/csikit/internal/recent"
	"github.com/csikit/csikit/internal/slots"
)

// DriverName is the name under which aws-ebs-csi-driver is known.
const DriverName = "ebs.csi.aws.com"

// A Backend keeps volumes in EC2. What it must remember is in EC2; what it knows
// itself is only ever used to ask less, or to wait longer.
type Backend struct {
	o       Options
	ec2     *ec2.Client // metered
	life    context.Context
	stop    context.CancelCauseFunc
	group   sync.WaitGroup
	started time.Time

	volumes        *poll.Poller[types.Volume]
	volumesNamed   *poll.Poller[[]types.Volume]
	snapshots      *poll.Poller[types.Snapshot]
	snapshotsNamed *poll.Poller[[]types.Snapshot]
	groupsNamed    *poll.Poller[[]types.Snapshot]
	instances      *poll.Poller[types.Instance]
	modifications  *poll.Poller[types.VolumeModification]
	ill            *poll.Poller[map[string]types.VolumeStatusItem]
	times          times
	zones          *recent.Value[zones]
	devices        *slots.Table
	changes        *gather.Queue[change]
	accesses       sync.Map // attachmentKey to csi.Access
	generations    sync.Map // name of a volume to the client token's generation
	uncertain      sync.Map // name of a snapshot, or "group " and that of a group, to when it may have been made, until it is seen
}

var (
	_ csi.Backend          = (*Backend)(nil)
	_ csi.Describer        = (*Backend)(nil)
	_ csi.AccessChecker    = (*Backend)(nil)
	_ csi.Attacher         = (*Backend)(nil)
	_ csi.Expander         = (*Backend)(nil)
	_ csi.Modifier         = (*Backend)(nil)
	_ csi.Snapshotter      = (*Backend)(nil)
	_ csi.GroupSnapshotter = (*Backend)(nil)
	_ csi.Cloner           = (*Backend)(nil)
	_ csi.VolumeLister     = (*Backend)(nil)
	_ csi.SnapshotLister   = (*Backend)(nil)
	_ csi.HealthReporter   = (*Backend)(nil)
	_ csi.HealthLister     = (*Backend)(nil)
	_ csi.NodeDescriber    = (*Backend)(nil)
	_ csi.Prober           = (*Backend)(nil)
)

var errClosed = errors.New("the backend is closed")

// New makes a Backend. It dials nothing. Close it.
func New(o Options) (*Backend, error) {
	for key, value := range o.ExtraTags {
		if err := checkTag(key, value); err != nil {
			return nil, err
		}
	}
	if o.VolumeLimit < 0 || o.ReservedVolumes < 0 {
		return nil, errors.New("ebs: Options.VolumeLimit and ReservedVolumes must not be negative")
	}
	o.Consistency = cmp.Or(o.Consistency, 5*time.Second)
	o.AttachTimeout = cmp.Or(o.AttachTimeout, 2*time.Minute)
	o.DeviceTimeout = cmp.Or(o.DeviceTimeout, time.Minute)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	b := &Backend{o: o, ec2: o.metered(), started: time.Now(), times: newTimes()}
	b.zones = recent.New(zonesAge, b.fetchZones)
	b.life, b.stop = context.WithCancelCause(context.Background())
	b.devices = slots.New(candidates, mappingAge)
	scope := poll.NewScope(b.life, &b.group)
	b.volumes = poll.New(scope, mostValues, b.fetchVolumes)
	b.volumesNamed = poll.New(scope, mostValues, b.fetchVolumesNamed)
	b.snapshots = poll.New(scope, mostValues, b.fetchSnapshots)
	b.snapshotsNamed = poll.New(scope, mostValues, b.fetchSnapshotsNamed(tagSnapshotName))
	b.groupsNamed = poll.New(scope, mostValues, b.fetchSnapshotsNamed(tagGroupName))
	b.instances = poll.New(scope, mostValues, b.fetchInstances)
	b.modifications = poll.New(scope, mostValues, b.fetchModifications)
	b.ill = poll.New(scope, 1, b.fetchIll)
	b.changes = gather.NewQueue(&b.group, b.runChange)
	return b, nil
}

// Close ends all calls that run for those who wait, and awaits them. Whoever
// waits gets an error. No other method may be called afterwards.
func (b *Backend) Close() error {
	b.stop(errClosed)
	b.group.Wait()
	return nil
}

// Traits implements [csi.Describer]. Volumes of several nodes are raw ones with
// multi-attach, or are read only.
func (b *Backend) Traits() csi.Traits {
	single := []csi.AccessMode{csi.SingleNodeWriter, csi.SingleNodeReaderOnly, csi.SingleNodeSingleWriter, csi.SingleNodeMultiWriter}
	keys := []string{keyZone, keyKubernetesZone}
	if b.o.Outposts {
		keys = append(keys, outpostKeys...)
	}
	return csi.Traits{
		Mount:        append(single[:4:4], csi.MultiNodeReaderOnly),
		Block:        append(single[:4:4], csi.MultiNodeReaderOnly, csi.MultiNodeSingleWriter, csi.MultiNodeMultiWriter),
		TopologyKeys: keys,
	}
}

// CheckAccess implements [csi.AccessChecker]: several nodes need a volume with
// multi-attach, which io1 and io2 volumes can have.
func (b *Backend) CheckAccess(_ context.Context, q csi.AccessQuery) error {
	if !q.Access.Mode.MultiNode() {
		return nil
	}
	if q.Volume != nil {
		if q.Volume.Context[contextMultiAttach] != "true" {
			return invalid("volume %s was made for one node: multi-attach is off", q.Volume.ID)
		}
		return nil
	}
	p, err := parseClass(q.Parameters, q.Mutable)
	if err != nil {
		return err
	}
	if t, err := typeNamed(cmp.Or(p.volumeType, defaultType)); err != nil || !t.multiAttach {
		return invalid("%s needs multi-attach, which %s volumes do not have: use type io1 or io2", q.Access.Mode, cmp.Or(p.volumeType, defaultType))
	}
	return nil
}

// Probe implements [csi.Prober]. It calls nothing: an EC2 that cannot be reached
// must not make the kubelet restart the controller, and every RPC says it.
func (b *Backend) Probe(context.Context) error { return context.Cause(b.life) }
