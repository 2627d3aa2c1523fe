package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// ControllerExpandVolume implements csipb.ControllerServer: see expansion.
func (s *controllerServer) ControllerExpandVolume(ctx context.Context, r *csipb.ControllerExpandVolumeRequest) (*csipb.ControllerExpandVolumeResponse, error) {
	access, err := optionalAccess(r.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	e := expansion{d: s.d, Expansion: Expansion{
		VolumeRef: VolumeRef{ID: r.GetVolumeId(), Secrets: secretsFromProto(r.GetSecrets())},
		Size:      sizeFromProto(r.GetCapacityRange()),
		Access:    access,
	}}
	op := keyop.Op{
		RPC: "ControllerExpandVolume", ID: e.ID,
		Keys:     partOf(e.ID, expandKey(e.ID)),
		Identity: identityOf("ControllerExpandVolume", r),
	}
	return operate(ctx, s.d, op, e.run)
}

// An expansion is one ControllerExpandVolume.
type expansion struct {
	d *Driver
	Expansion
}

func (e *expansion) run(k keyop.Contexts) (*csipb.ControllerExpandVolumeResponse, error) {
	if err := e.check(k.Wait); err != nil {
		return nil, err
	}
	done, err := call(k.Op, e.d, "ExpandVolume", e.ID, func(ctx context.Context) (Expanded, error) {
		return e.d.features.expander.ExpandVolume(ctx, e.Expansion)
	})
	switch {
	case err != nil:
		return nil, err
	case done.Size < e.Size.Required || done.Size <= 0:
		return nil, refuse(ErrUnavailable, "volume %s has %d bytes after its expansion, want at least %d", e.ID, done.Size, e.Size.Required)
	case !e.Size.Contains(done.Size):
		return nil, refuse(ErrOutOfRange, "volume %s has %d bytes, which is above limit_bytes %d; volumes do not shrink", e.ID, done.Size, e.Size.Limit)
	}
	return &csipb.ControllerExpandVolumeResponse{CapacityBytes: done.Size, NodeExpansionRequired: e.needsNode(done)}, nil
}

// check refuses an access that the driver does not have, and the expansion of
// an attached volume by a driver that expands OFFLINE.
func (e *expansion) check(ctx context.Context) error {
	f := &e.d.features
	if e.Access != nil {
		if err := f.traits.allow(*e.Access); err != nil {
			return err
		}
	}
	if !f.traits.OfflineExpansion || f.provisioner == nil {
		return nil
	}
	v, err := e.d.volume(ctx, e.VolumeRef)
	if err == nil && len(v.Attached) > 0 {
		err = refuse(ErrInUse, "volume %s is attached to node %s, and this driver expands volumes only offline; unpublish it first", e.ID, v.Attached[0].Node)
	}
	return err
}

// needsNode reports whether the node has something to do: a file system to
// grow, or a device to make the new size visible on.
func (e *expansion) needsNode(done Expanded) bool {
	raw := e.Access != nil && e.Access.Block
	return !done.NoNodeWork && (!raw || e.d.features.nodeExpander != nil)
}
