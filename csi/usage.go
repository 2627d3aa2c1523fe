package csi

import "context"

// A UsageReporter knows the usage of a volume better than statfs does, as
// with quotas.
// If absent, or if it returns [ErrUnsupported], statfs decides.
type UsageReporter interface {
	VolumeUsage(ctx context.Context, v StagedVolume) (Usage, error)
}

// A StagedVolume is all that the node's read RPCs carry: no context, no
// secrets. Path is where the CO asked; Device is the device's number as
// "MAJOR:MINOR", or "" for a share.
type StagedVolume struct{ ID, Path, StagingPath, Device string }

// Usage is the usage of a volume. Inodes is zero if the file system has none.
type Usage struct{ Bytes, Inodes Count }

// Count counts bytes or inodes.
type Count struct{ Total, Used, Available int64 }
