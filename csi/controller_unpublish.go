package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// ControllerUnpublishVolume implements csipb.ControllerServer. It is the
// negation of ControllerPublishVolume: a publish that runs or waits is
// cancelled and awaited first. Without a node it concerns all nodes.
func (s *controllerServer) ControllerUnpublishVolume(ctx context.Context, r *csipb.ControllerUnpublishVolumeRequest) (*csipb.ControllerUnpublishVolumeResponse, error) {
	a := Attachment{VolumeRef: VolumeRef{ID: r.GetVolumeId(), Secrets: secretsFromProto(r.GetSecrets())}, Node: r.GetNodeId()}
	op := keyop.Op{
		RPC: "ControllerUnpublishVolume", ID: a.ID,
		Keys:     detachKeys(a.ID, a.Node),
		Identity: identityOf("ControllerUnpublishVolume", r),
		Cancels:  []string{attachTag(a.ID, a.Node)},
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.ControllerUnpublishVolumeResponse, error) {
		err := do(k.Op, s.d, "Detach", a.ID, func(ctx context.Context) error { return s.d.features.attacher.Detach(ctx, a) })
		if err != nil {
			return nil, err
		}
		return &csipb.ControllerUnpublishVolumeResponse{}, nil
	})
}

// detachKeys exclude operations on the same attachment; the detachment from all
// nodes excludes all.
func detachKeys(id, node string) []keyop.Key {
	if node == "" {
		return []keyop.Key{keyop.Exclusive(volumeKey(id))}
	}
	return partOf(id, attachKey(id, node))
}
