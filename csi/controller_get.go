package csi

import (
	"context"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// ControllerGetVolume implements csipb.ControllerServer.
func (s *controllerServer) ControllerGetVolume(ctx context.Context, r *csipb.ControllerGetVolumeRequest) (*csipb.ControllerGetVolumeResponse, error) {
	v, err := s.d.volume(ctx, VolumeRef{ID: r.GetVolumeId()})
	if err != nil {
		return nil, err
	}
	return &csipb.ControllerGetVolumeResponse{
		Volume: s.d.features.readToProto(v),
		Status: &csipb.ControllerGetVolumeResponse_VolumeStatus{PublishedNodeIds: nodesOf(v)},
	}, nil
}

// volume asks the backend for a volume.
func (d *Driver) volume(ctx context.Context, ref VolumeRef) (*Volume, error) {
	v, err := call(ctx, d, "Volume", ref.ID, func(ctx context.Context) (*Volume, error) { return d.features.provisioner.Volume(ctx, ref) })
	if err == nil && v == nil {
		return nil, refuse(ErrUnavailable, "Volume %s: the backend returned neither a volume nor an error", ref.ID)
	}
	return v, err
}

// snapshot asks the backend for a snapshot.
func (d *Driver) snapshot(ctx context.Context, ref SnapshotRef) (*Snapshot, error) {
	s, err := call(ctx, d, "Snapshot", ref.ID, func(ctx context.Context) (*Snapshot, error) { return d.features.snapshotter.Snapshot(ctx, ref) })
	if err == nil && s == nil {
		return nil, refuse(ErrUnavailable, "Snapshot %s: the backend returned neither a snapshot nor an error", ref.ID)
	}
	return s, err
}

// readToProto converts a volume that was read, not created. Its volume_context
// is left out: the CO's holds more than the storage knows (see carry), and the
// spec demands the same one always, or none.
func (f *features) readToProto(v *Volume) *csipb.Volume { return f.volumeToProto(v, nil) }
