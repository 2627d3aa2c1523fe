package ec2test

import (
	"log/slog"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// Options say what EC2 there is. The zero value is a region us-east-1 with
// three zones and one m5.large in the first, without latency, lag or throttle,
// whose states change at once.
type Options struct {
	// Region is the name of the region, us-east-1 if empty.
	Region string
	// Account is the number of the account that owns everything; 123456789012
	// if empty.
	Account string
	// Zones are the availability zones; a, b and c of the region if empty.
	Zones []Zone
	// Instances run from the start; one m5.large in the first zone if nil.
	// None if empty but not nil. An instance that the state directory knows
	// already is left as it is there.
	Instances []Instance
	// Launch, if not nil, is the pattern of instances that are launched when
	// IMDS is asked for a name that no instance has ([Server.Handler]): each
	// node of a cluster can ask by its own name.
	Launch *Instance
	// InstanceTypes are known beside those of [InstanceTypes], and win.
	InstanceTypes []InstanceType
	// Timings are the durations of state changes; zero is at once.
	Timings Timings
	// Lag is how long a change stays invisible to calls that describe. It is
	// drawn for each change. MappingLag comes on top for the block device
	// mapping that DescribeInstances shows.
	Lag, MappingLag Span
	// Latency is the duration of each call; nil is none.
	Latency Latency
	// Buckets limit the rate of calls, by the name of the API; the bucket ""
	// is for each API that has none. Nil is no limit. See [EC2Buckets].
	Buckets map[string]Bucket
	// Quotas of the account; zero is unlimited.
	Quotas Quotas
	// BadKeys are KMS keys that cannot be used: a volume with one is created,
	// as EC2 does it, and vanishes instead of becoming available.
	BadKeys []string
	// RequireSignature refuses requests without a SigV4 header. It is not
	// verified.
	RequireSignature bool
	// StateDir keeps the state over restarts, and the images of volumes; none
	// if empty.
	StateDir string
	// Disks makes attached volumes appear as devices; nil is a plain record of
	// attachments. It needs StateDir. See the package loopdisk.
	Disks Disks
	// Seed of ids and of everything that is drawn.
	Seed uint64
	// Clock is the real one if nil.
	Clock clock.Clock
	// Logger gets one line a call at debug level, and what goes wrong inside;
	// nil is silent.
	Logger *slog.Logger
}

// A Zone is an availability zone.
type Zone struct {
	Name string // us-east-1a
	ID   string // use1-az1
}

// Quotas are limits of the account.
type Quotas struct {
	// VolumeGiB is the storage of all volumes, else VolumeLimitExceeded.
	VolumeGiB int64
	// IOPS is what all io1 and io2 volumes may have, else MaxIOPSLimitExceeded.
	IOPS int64
	// Snapshots is their number, else SnapshotLimitExceeded.
	Snapshots int
	// SnapshotInterval is the least time between two snapshots of one volume,
	// else SnapshotCreationPerVolumeRateExceeded. EC2 has 15 s.
	SnapshotInterval time.Duration
}

func (o *Options) setDefaults() {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if len(o.Zones) == 0 {
		short := shortRegion(o.Region)
		for i, letter := range []string{"a", "b", "c"} {
			o.Zones = append(o.Zones, Zone{Name: o.Region + letter, ID: short + "-az" + string(rune('1'+i))})
		}
	}
	if o.Instances == nil {
		o.Instances = []Instance{{}}
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// shortRegion makes use1 of us-east-1 and apse2 of ap-southeast-2, as in the
// ids of zones.
func shortRegion(region string) string {
	parts := strings.Split(region, "-")
	if len(parts) != 3 {
		return region
	}
	middle := strings.NewReplacer("northeast", "ne", "northwest", "nw", "southeast", "se", "southwest", "sw").Replace(parts[1])
	if middle == parts[1] {
		middle = middle[:1]
	}
	return parts[0] + middle + parts[2]
}
