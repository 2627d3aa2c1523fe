package csi

import (
	"context"
	"errors"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// DeleteSnapshot implements csipb.ControllerServer. It holds the snapshot
// alone: no restore from it runs meanwhile.
func (s *controllerServer) DeleteSnapshot(ctx context.Context, r *csipb.DeleteSnapshotRequest) (*csipb.DeleteSnapshotResponse, error) {
	ref := SnapshotRef{ID: r.GetSnapshotId(), Secrets: secretsFromProto(r.GetSecrets())}
	op := keyop.Op{
		RPC: "DeleteSnapshot", ID: ref.ID,
		Keys:     []keyop.Key{keyop.Exclusive(snapshotKey(ref.ID))},
		Identity: identityOf("DeleteSnapshot", r),
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.DeleteSnapshotResponse, error) {
		if err := s.d.deleteSnapshot(k, ref); err != nil {
			return nil, err
		}
		return &csipb.DeleteSnapshotResponse{}, nil
	})
}

// deleteSnapshot refuses a member of a group, which goes only with its group.
// What is not there is deleted all the same, so that a backend can finish a
// deletion that was cut short.
func (d *Driver) deleteSnapshot(k keyop.Contexts, ref SnapshotRef) error {
	found, err := d.snapshot(k.Wait, ref)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	case err == nil && found.Group != "":
		return refuse(ErrInvalid, "snapshot %s is part of group snapshot %s; delete that instead", ref.ID, found.Group)
	}
	err = do(k.Op, d, "DeleteSnapshot", ref.ID, func(ctx context.Context) error { return d.features.snapshotter.DeleteSnapshot(ctx, ref) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
