package ebs

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/csi"
)

// Options say what a Backend works with. The zero value of every field is a sane
// default; a controller needs EC2, a node Metadata.
type Options struct {
	// EC2 makes the calls; see [NewClient]. Its retryer is not used. nil in a
	// process that serves only the node, which makes no call.
	EC2 *ec2.Client
	// ClusterID adds the tags that mark what is made as the cluster's, and
	// narrows listings to it.
	ClusterID string
	// ExtraTags are added to everything that is made.
	ExtraTags map[string]string
	// Outposts adds the topology keys of outposts. All nodes must be on one.
	Outposts bool
	// Consistency is how long EC2's reads may lag behind its writes; 0 is 5
	// seconds. What is not seen is looked for so long before it counts as not
	// there. The first snapshots after a start wait so long too, since EC2
	// has no client token for them.
	Consistency time.Duration
	// AttachTimeout is how long an attachment may be under way before it
	// counts as stuck and is undone; 0 is 2 minutes.
	AttachTimeout time.Duration

	// Metadata tells what node this is: the first source that can. Required
	// on a node.
	Metadata []MetadataSource
	// VolumeLimit is how many volumes this node takes; 0 is what its instance
	// type allows, less what is attached that is not ours.
	VolumeLimit int64
	// ReservedVolumes is how many attachments to leave for others; 0 counts
	// those that are there.
	ReservedVolumes int64
	// DeviceTimeout is how long a device may take to appear on the node; 0 is
	// 1 minute.
	DeviceTimeout time.Duration
	// FindDevice replaces the search for the device of an attached volume,
	// for emulators only. The production search accepts nothing but NVMe and
	// Xen disks. It returns [csi.ErrNotFound] while the device is not there.
	FindDevice func(ctx context.Context, v csi.NodeVolume) (csi.Device, error)

	// Logger is told of what is retried and of what is odd; nil is
	// [slog.Default].
	Logger *slog.Logger
}
