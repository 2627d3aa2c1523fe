package csi

import "context"

// checkSource checks that the source of a volume exists and fits, and returns
// the size range that the volume must have because of it.
func (c *creation) checkSource(ctx context.Context) (SizeRange, error) {
	switch {
	case c.source.Snapshot != "":
		return c.checkSnapshot(ctx)
	case c.source.Volume != "":
		return c.checkOriginal(ctx)
	}
	return c.spec.Size, nil
}

// checkSnapshot checks a snapshot. A volume is never smaller than the snapshot
// that it is restored from (spec, Snapshot.size_bytes).
func (c *creation) checkSnapshot(ctx context.Context) (SizeRange, error) {
	s, err := c.d.snapshot(ctx, SnapshotRef{ID: c.source.Snapshot, Secrets: c.spec.Secrets})
	if err != nil {
		return SizeRange{}, err
	}
	size := c.spec.Size
	switch {
	case !s.Ready:
		return size, refuse(ErrPending, "restore of snapshot %s: it is not ready to use yet", s.ID)
	case size.Required > 0 && size.Required < s.Size:
		return size, refuse(ErrOutOfRange, "restore of snapshot %s: found required_bytes %d, want at least the size of the snapshot, %d", s.ID, size.Required, s.Size)
	case !c.spec.Topology.Allows(s.Topology):
		return size, refuse(ErrExhausted, "restore of snapshot %s: it can be used in %v, want one of the requisite topologies %v", s.ID, s.Topology, c.spec.Topology.Requisite)
	}
	return c.atLeast(s.Size, "snapshot "+s.ID)
}

// checkOriginal checks the volume to be cloned. A clone asked for with the size
// that the original was asked for with gets the original's actual size, which
// may have been rounded up.
func (c *creation) checkOriginal(ctx context.Context) (SizeRange, error) {
	v, err := c.d.volume(ctx, VolumeRef{ID: c.source.Volume, Secrets: c.spec.Secrets})
	if err != nil {
		return SizeRange{}, err
	}
	return c.atLeast(v.Size, "volume "+v.ID)
}

// atLeast raises the lower bound of the size range to a source's size.
func (c *creation) atLeast(least int64, source string) (SizeRange, error) {
	size := c.spec.Size
	if size.Limit > 0 && size.Limit < least {
		return size, refuse(ErrOutOfRange, "copy of %s: found limit_bytes %d, want at least the size of the source, %d", source, size.Limit, least)
	}
	size.Required = max(size.Required, least)
	return size, nil
}
