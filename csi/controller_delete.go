package csi

import (
	"context"
	"errors"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// DeleteVolume implements csipb.ControllerServer. It holds the volume alone,
// and a volume that is not there is done.
func (s *controllerServer) DeleteVolume(ctx context.Context, r *csipb.DeleteVolumeRequest) (*csipb.DeleteVolumeResponse, error) {
	ref := VolumeRef{ID: r.GetVolumeId(), Secrets: secretsFromProto(r.GetSecrets())}
	op := keyop.Op{
		RPC: "DeleteVolume", ID: ref.ID,
		Keys:     []keyop.Key{keyop.Exclusive(volumeKey(ref.ID))},
		Identity: identityOf("DeleteVolume", r),
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.DeleteVolumeResponse, error) {
		err := do(k.Op, s.d, "DeleteVolume", ref.ID, func(ctx context.Context) error {
			return s.d.features.provisioner.DeleteVolume(ctx, ref)
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		return &csipb.DeleteVolumeResponse{}, nil
	})
}
