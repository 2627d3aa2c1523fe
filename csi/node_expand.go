package csi

import (
	"cmp"
	"context"
	"errors"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
)

// NodeExpandVolume implements csipb.NodeServer. It makes the device's new size
// visible and grows the file system on it. The CO gives up for good on
// FAILED_PRECONDITION and on the three codes that mean infeasible (contract
// ruling 18), so that a failure to grow is never one of them.
func (s *nodeServer) NodeExpandVolume(ctx context.Context, r *csipb.NodeExpandVolumeRequest) (*csipb.NodeExpandVolumeResponse, error) {
	access, err := optionalAccess(r.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	id := r.GetVolumeId()
	e := &expanding{d: s.d, path: r.GetVolumePath(), staging: r.GetStagingTargetPath(), expansion: Expansion{
		VolumeRef: VolumeRef{ID: id, Secrets: secretsFromProto(r.GetSecrets())},
		Size:      sizeFromProto(r.GetCapacityRange()), Access: access,
	}}
	// A raw device changes to and from read-only when it is published, which cryptsetup must not see halfway.
	keys := append(partOf(id, expandKey(id)), keyop.Shared(publishesKey(id)))
	op := keyop.Op{RPC: "NodeExpandVolume", ID: id, Keys: keys, Identity: identityOf("NodeExpandVolume", r)}
	return operateOnNode(ctx, s.d, op, func(c keyop.Contexts) (*csipb.NodeExpandVolumeResponse, error) {
		size, err := e.run(c.Op)
		return &csipb.NodeExpandVolumeResponse{CapacityBytes: size}, err
	})
}

// An expanding is one NodeExpandVolume.
type expanding struct {
	d         *Driver
	path      string // where the CO sees the volume: staging path, target path or block file
	staging   string // "" if the CO does not say
	expansion Expansion
}

// run returns the size of the volume's device, 0 for a share: the backend is
// told about it, and there is nothing else to do.
func (e *expanding) run(ctx context.Context) (int64, error) {
	record, err := e.record()
	if err != nil {
		return 0, err
	}
	e.expansion.StagingPath = cmp.Or(e.staging, record.Path)
	if record.Device == nil {
		return 0, e.growDevice(ctx)
	}
	device, err := record.Device.open()
	if err != nil {
		return 0, refuse(ErrUnavailable, "volume %s: open its device: %w", e.expansion.ID, err)
	}
	size, err := e.grow(ctx, device, record)
	return size, errors.Join(err, device.Close())
}

// record returns what is known about the staged volume. The path decides only
// for volumes that are not staged: the kubelet sends staging path, target path
// or, for a raw device, some path of the device.
func (e *expanding) record() (*volumeRecord, error) {
	id := e.expansion.ID
	record, err := e.d.loadVolume(nodestate.Key{Volume: id})
	if err == nil && record == nil {
		record, err = e.d.loadVolume(nodestate.Key{Volume: id, Target: e.path})
	}
	switch {
	case err != nil:
		return nil, err
	case record == nil:
		return e.lost()
	case !record.thisBoot() || record.Phase != phaseStaged:
		return nil, refuse(ErrUnavailable, "volume %s is not staged on this node now (%s)", id, record.Phase)
	}
	return record, nil
}

// lost makes the record anew from what is mounted: the kubelet would take
// NOT_FOUND for a volume that can never grow. The staging path comes first,
// since a target may be read-only.
func (e *expanding) lost() (*volumeRecord, error) {
	id := e.expansion.ID
	point, info, err := e.d.mountedAt(id, e.staging, e.path)
	switch {
	case err != nil:
		return nil, err
	case point == "":
		return nil, refuse(ErrNotFound, "volume %s is neither staged nor published on this node", id)
	}
	e.d.log.Warn("what was known about a volume is lost; it is grown as it is mounted", "id", id, "path", point)
	return e.d.adopt(id, point, info), nil
}

func (e *expanding) growDevice(ctx context.Context) error {
	if e.d.features.nodeExpander == nil {
		return nil
	}
	return do(ctx, e.d, "GrowDevice", e.expansion.ID, func(ctx context.Context) error {
		return e.d.features.nodeExpander.GrowDevice(ctx, e.expansion)
	})
}

func (e *expanding) grow(ctx context.Context, device *fs.Device, record *volumeRecord) (int64, error) {
	id := e.expansion.ID
	before, err := device.Size()
	if err != nil {
		return 0, hostError(err, "volume %s: read the size of its device", id)
	}
	e.expansion.Device = device.Path()
	if err := e.growDevice(ctx); err != nil {
		return 0, err
	}
	size, err := device.Size()
	if err != nil {
		return 0, hostError(err, "volume %s: read the size of its device", id)
	}
	e.d.log.InfoContext(ctx, "detected the size of the device", "id", id, "device", majorMinor(device.Number()),
		"before", before, "size", size, "required", e.expansion.Size.Required)
	if size < e.expansion.Size.Required {
		return 0, refuse(ErrUnavailable, "volume %s: its device has %d bytes, not yet the %d required", id, size, e.expansion.Size.Required)
	}
	if record.Encrypted {
		return size, e.growEncrypted(ctx, device, record)
	}
	return size, e.growContent(ctx, device, record)
}

// growEncrypted makes the content of the encryption as large as its device.
func (e *expanding) growEncrypted(ctx context.Context, device *fs.Device, record *volumeRecord) error {
	l := e.d.luks(e.expansion.ID)
	l.ReadOnly = record.Volume.Access.Mode.ReadOnly()
	if err := device.GrowLUKS(ctx, l); err != nil {
		return refuse(ErrUnavailable, "volume %s: %w", e.expansion.ID, err)
	}
	content, err := device.FindLUKS(l)
	if err != nil {
		return refuse(ErrUnavailable, "volume %s: %w", e.expansion.ID, err)
	}
	return errors.Join(e.growContent(ctx, content, record), content.Close())
}

func (e *expanding) growContent(ctx context.Context, device *fs.Device, record *volumeRecord) error {
	if record.Volume.Access.Block || record.Volume.ReadOnly {
		return nil
	}
	return e.d.grow(ctx, e.expansion.ID, record.Path, device)
}

// grow grows the file system that is mounted at path to the size of its
// device, if it is smaller, and says so in the log (R13).
func (d *Driver) grow(ctx context.Context, id, path string, device *fs.Device) error {
	growth, err := fs.Grow(ctx, path, device)
	if err != nil {
		return refuse(ErrUnavailable, "volume %s: %w", id, err)
	}
	d.logGrowth(ctx, id, device, growth)
	return nil
}

func (d *Driver) logGrowth(ctx context.Context, id string, device *fs.Device, g fs.Growth) {
	if g.Grown {
		d.log.InfoContext(ctx, "the file system was smaller than its device and has been resized", "id", id,
			"device", majorMinor(device.Number()), "before", g.Before, "after", g.After)
	}
}
