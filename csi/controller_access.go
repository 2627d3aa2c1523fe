package csi

import (
	"context"
	"errors"
	"slices"
)

// singleNodeModes are the modes of a driver whose Traits list none.
var singleNodeModes = []AccessMode{SingleNodeWriter, SingleNodeReaderOnly, SingleNodeSingleWriter, SingleNodeMultiWriter}

// modes returns the access modes of raw volumes or of those with a file system.
func (t Traits) modes(block bool) []AccessMode {
	list := t.Mount
	if block {
		list = t.Block
	}
	if list == nil {
		return singleNodeModes
	}
	return list
}

// allow refuses an access that no volume of the driver can have.
func (t Traits) allow(a Access) error {
	kind := "file system"
	if a.Block {
		kind = "block"
	}
	switch modes := t.modes(a.Block); {
	case len(modes) == 0:
		return refuse(ErrInvalid, "this driver has no %s volumes", kind)
	case !slices.Contains(modes, a.Mode):
		return refuse(ErrInvalid, "%s volumes of this driver cannot be used as %s, only as %v", kind, a.Mode, modes)
	}
	return nil
}

// checkAccess returns nil if a volume can be used in all of the ways listed. An
// error that says that it cannot wraps [ErrInvalid]; any other says that this
// is not known. q.Access is not looked at.
func (d *Driver) checkAccess(ctx context.Context, id string, list []Access, q AccessQuery) error {
	for _, q.Access = range list {
		if err := d.features.traits.allow(q.Access); err != nil {
			return err
		}
		if d.features.access == nil {
			continue
		}
		err := do(ctx, d, "CheckAccess", id, func(ctx context.Context) error { return d.features.access.CheckAccess(ctx, q) })
		if errors.Is(err, ErrUnsupported) {
			return refuse(ErrInvalid, "%v", err) // the RPC is supported, the access is not
		}
		if err != nil {
			return err
		}
	}
	return nil
}
