package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// ControllerPublishVolume implements csipb.ControllerServer: see attaching.
func (s *controllerServer) ControllerPublishVolume(ctx context.Context, r *csipb.ControllerPublishVolumeRequest) (*csipb.ControllerPublishVolumeResponse, error) {
	access, err := accessFromProto(r.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	a := attaching{d: s.d, Attachment: Attachment{
		VolumeRef: VolumeRef{ID: r.GetVolumeId(), Context: backendKeys(r.GetVolumeContext()), Secrets: secretsFromProto(r.GetSecrets())},
		Node:      r.GetNodeId(),
		Access:    access,
		ReadOnly:  r.GetReadonly(),
	}}
	op := keyop.Op{
		RPC: "ControllerPublishVolume", ID: a.ID,
		Keys:     a.keys(),
		Identity: identityOf("ControllerPublishVolume", r),
		Tags:     []string{attachTag(a.ID, a.Node), attachTag(a.ID, "")},
	}
	return operate(ctx, s.d, op, a.run)
}

// attachTag is what ControllerUnpublishVolume names to cancel a running publish
// to the node, or to any node if that is "".
func attachTag(id, node string) string { return "attach of " + attachKey(id, node) }

// An attaching is one ControllerPublishVolume.
type attaching struct {
	d *Driver
	Attachment
}

// keys let one volume be attached to several nodes at once only if it may be on
// several nodes; otherwise the second attach must see the first one's outcome.
func (a *attaching) keys() []keyop.Key {
	attachments := keyop.Key{Name: attachmentsKey(a.ID), Shared: a.Access.Mode.MultiNode()}
	return append(partOf(a.ID, attachKey(a.ID, a.Node)), attachments)
}

func (a *attaching) run(k keyop.Contexts) (*csipb.ControllerPublishVolumeResponse, error) {
	if err := a.check(k.Wait); err != nil {
		return nil, err
	}
	publish, err := call(k.Op, a.d, "Attach", a.ID, func(ctx context.Context) (map[string]string, error) {
		return a.d.features.attacher.Attach(ctx, a.Attachment)
	})
	if err != nil {
		return nil, err
	}
	return &csipb.ControllerPublishVolumeResponse{PublishContext: publish}, nil
}

// check checks that the volume exists, can be used so, and is not attached in
// a way that is in conflict.
func (a *attaching) check(ctx context.Context) error {
	var v *Volume
	if a.d.features.provisioner != nil {
		var err error
		if v, err = a.d.volume(ctx, a.VolumeRef); err != nil {
			return err
		}
		if err = a.admit(v.Attached); err != nil {
			return err
		}
	}
	return a.d.checkAccess(ctx, a.ID, []Access{a.Access}, AccessQuery{Volume: v})
}

// admit compares with the attachments that exist. Only PUBLISH_READONLY makes
// an attachment's read-only flag ours to compare.
func (a *attaching) admit(attached []Attached) error {
	for _, have := range attached {
		switch {
		case have.Node == a.Node && a.d.features.traits.ReadOnlyAttach && have.ReadOnly != a.ReadOnly:
			return refuse(ErrExists, "volume %s is attached to node %s with readonly=%t, want %t; unpublish it first", a.ID, a.Node, have.ReadOnly, a.ReadOnly)
		case have.Node != a.Node && !a.Access.Mode.MultiNode():
			return refuse(ErrInUse, "volume %s is attached to node %s, and %s allows one node; unpublish it there first", a.ID, have.Node, a.Access.Mode)
		}
	}
	return nil
}
