package csi

import "context"

// AccessMode is the way in which nodes and pods share a volume. The values
// are those of the spec's VolumeCapability.AccessMode.Mode.
type AccessMode int8

// The access modes of the CSI specification.
const (
	SingleNodeWriter       AccessMode = 1
	SingleNodeReaderOnly   AccessMode = 2
	MultiNodeReaderOnly    AccessMode = 3
	MultiNodeSingleWriter  AccessMode = 4
	MultiNodeMultiWriter   AccessMode = 5
	SingleNodeSingleWriter AccessMode = 6
	SingleNodeMultiWriter  AccessMode = 7
)

var accessModeNames = [...]string{
	"UNKNOWN", "SINGLE_NODE_WRITER", "SINGLE_NODE_READER_ONLY", "MULTI_NODE_READER_ONLY",
	"MULTI_NODE_SINGLE_WRITER", "MULTI_NODE_MULTI_WRITER", "SINGLE_NODE_SINGLE_WRITER", "SINGLE_NODE_MULTI_WRITER",
}

// String returns the spec's name of the mode.
func (m AccessMode) String() string {
	if m < 0 || int(m) >= len(accessModeNames) {
		return accessModeNames[0]
	}
	return accessModeNames[m]
}

// MultiNode reports whether several nodes may use the volume at once.
func (m AccessMode) MultiNode() bool {
	return m == MultiNodeReaderOnly || m == MultiNodeSingleWriter || m == MultiNodeMultiWriter
}

// ReadOnly reports whether nobody may write.
func (m AccessMode) ReadOnly() bool { return m == SingleNodeReaderOnly || m == MultiNodeReaderOnly }

// MultiPublish reports whether one node may publish the volume at several
// target paths at once (spec, NodePublishVolume).
func (m AccessMode) MultiPublish() bool { return m.MultiNode() || m == SingleNodeMultiWriter }

// Access is one way of using a volume: the spec's VolumeCapability.
type Access struct {
	Mode AccessMode
	// Block asks for the raw device instead of a file system.
	Block bool
	// FSType is the file system asked for; "" leaves it to the driver.
	FSType string
	// Group is the gid that the CO delegates (VOLUME_MOUNT_GROUP), or "".
	Group string
	// Options are the mount options of the StorageClass or volume.
	Options []Option
}

// An AccessChecker refines what [Traits] say about access by the volume and
// its parameters. It is asked when a volume is created, validated and
// attached.
// If absent, Traits alone decide.
type AccessChecker interface {
	// CheckAccess returns nil if the volume can be used so, else an error
	// that wraps [ErrInvalid] or [ErrUnsupported] and says why.
	CheckAccess(ctx context.Context, q AccessQuery) error
}

// An AccessQuery asks about one access to one volume.
type AccessQuery struct {
	Access Access
	// Volume is nil before the volume exists.
	Volume              *Volume
	Parameters, Mutable map[string]string
}
