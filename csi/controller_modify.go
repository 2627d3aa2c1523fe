package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
)

// ControllerModifyVolume implements csipb.ControllerServer. The backend gets
// the keys that the CO names and no others.
func (s *controllerServer) ControllerModifyVolume(ctx context.Context, r *csipb.ControllerModifyVolumeRequest) (*csipb.ControllerModifyVolumeResponse, error) {
	m := Modification{
		VolumeRef:  VolumeRef{ID: r.GetVolumeId(), Secrets: secretsFromProto(r.GetSecrets())},
		Parameters: backendKeys(r.GetMutableParameters()),
		Owner:      ownerFrom(r.GetMutableParameters()),
	}
	op := keyop.Op{
		RPC: "ControllerModifyVolume", ID: m.ID,
		Keys:     partOf(m.ID, modifyKey(m.ID)),
		Identity: identityOf("ControllerModifyVolume", r),
	}
	return operate(ctx, s.d, op, func(k keyop.Contexts) (*csipb.ControllerModifyVolumeResponse, error) {
		err := do(k.Op, s.d, "ModifyVolume", m.ID, func(ctx context.Context) error { return s.d.features.modifier.ModifyVolume(ctx, m) })
		if err != nil {
			return nil, err
		}
		return &csipb.ControllerModifyVolumeResponse{}, nil
	})
}
