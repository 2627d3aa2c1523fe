package csi

import (
	"context"
	"strconv"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
)

// targetKey is one target path; NodeUnpublishVolume names it to cancel a
// running publish.
func targetKey(path string) string { return "target " + strconv.Quote(path) }

// publishesKey is the set of targets of a volume. Only an access mode that
// allows one target at a time takes it exclusively, and a raw device, since
// whether it can be written depends on all its targets.
func publishesKey(id string) string { return "targets of " + volumeKey(id) }

// NodePublishVolume implements csipb.NodeServer: see publication.
func (s *nodeServer) NodePublishVolume(ctx context.Context, r *csipb.NodePublishVolumeRequest) (*csipb.NodePublishVolumeResponse, error) {
	volume, carried, err := publishedFromProto(r)
	if err != nil {
		return nil, err
	}
	volume.ReadOnly = volume.ReadOnly || readOnlyAccess(volume.Access)
	op := keyop.Op{
		RPC: "NodePublishVolume", ID: volume.ID,
		Keys:     publishKeys(volume, r.GetTargetPath()),
		Identity: identityOf("NodePublishVolume", r),
		Tags:     []string{targetKey(r.GetTargetPath())},
	}
	return operateOnNode(ctx, s.d, op, func(c keyop.Contexts) (*csipb.NodePublishVolumeResponse, error) {
		p := &publication{
			d: s.d, ctx: c, undo: new(undo), volume: volume, carried: carried,
			key: nodestate.Key{Volume: volume.ID, Target: r.GetTargetPath()}, staging: r.GetStagingTargetPath(),
		}
		return &csipb.NodePublishVolumeResponse{}, p.undo.after(c.Op, p.run())
	})
}

func publishKeys(v NodeVolume, target string) []keyop.Key {
	volume := keyop.Shared(volumeKey(v.ID))
	if v.Ephemeral {
		volume.Shared = false
	}
	all := keyop.Key{Name: publishesKey(v.ID), Shared: v.Access.Mode.MultiPublish() && !v.Access.Block}
	return []keyop.Key{volume, all, keyop.Exclusive(targetKey(target))}
}

// NodeUnpublishVolume implements csipb.NodeServer: see unpublication.
func (s *nodeServer) NodeUnpublishVolume(ctx context.Context, r *csipb.NodeUnpublishVolumeRequest) (*csipb.NodeUnpublishVolumeResponse, error) {
	id, target := r.GetVolumeId(), r.GetTargetPath()
	op := keyop.Op{
		RPC: "NodeUnpublishVolume", ID: id,
		Keys:     partOf(id, targetKey(target)),
		Identity: identityOf("NodeUnpublishVolume", r),
		Cancels:  []string{targetKey(target)},
	}
	return operateOnNode(ctx, s.d, op, func(c keyop.Contexts) (*csipb.NodeUnpublishVolumeResponse, error) {
		u := &unpublication{d: s.d, ctx: c, key: nodestate.Key{Volume: id, Target: target}}
		return &csipb.NodeUnpublishVolumeResponse{}, u.run()
	})
}
