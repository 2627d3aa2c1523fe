package csi

import (
	"context"
	"errors"
	iofs "io/fs"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// statsTimeout bounds the statistics of an RPC without a deadline: a share
// whose server is gone never answers.
const statsTimeout = 30 * time.Second

// NodeGetVolumeStats implements csipb.NodeServer. It reads: it is no
// operation, waits for nobody, and never touches a device (R14).
func (s *nodeServer) NodeGetVolumeStats(ctx context.Context, r *csipb.NodeGetVolumeStatsRequest) (*csipb.NodeGetVolumeStatsResponse, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, statsTimeout)
		defer cancel()
	}
	usage, err := s.d.volumeStats(ctx, r.GetVolumeId(), r.GetVolumePath())
	if err != nil {
		return nil, err
	}
	return &csipb.NodeGetVolumeStatsResponse{Usage: usageToProto(usage)}, nil
}

// volumeStats measures first and looks at the mount afterwards: the measuring
// ends with ctx whatever is mounted there, the look takes its own time over a
// share that does not answer.
func (d *Driver) volumeStats(ctx context.Context, id, path string) (Usage, error) {
	v, err := d.knownAt(id, path)
	if err != nil {
		return Usage{}, err
	}
	var usage Usage
	var failed error
	if !v.block {
		if usage, failed = d.fileUsage(ctx, id, v.point); ctx.Err() != nil {
			return Usage{}, failed
		}
	}
	info, err := d.opts.Mounts.Find(v.point)
	if errors.Is(err, mount.ErrNotMounted) { // then the usage is not the volume's
		return Usage{}, refuse(ErrNotFound, "volume %s: nothing is mounted at %s", id, path)
	}
	if err != nil {
		return Usage{}, hostError(err, "volume %s: look at %s", id, path)
	}
	if d.features.usage != nil {
		reported, err := d.reportedUsage(ctx, id, path, v.staging, info)
		if !errors.Is(err, ErrUnsupported) {
			return reported, err
		}
	}
	if info.Rdev != 0 { // also where nothing was written down
		return deviceUsage(id, info.Rdev)
	}
	return usage, failed
}

func (d *Driver) reportedUsage(ctx context.Context, id, path, staging string, info mount.Info) (Usage, error) {
	v := StagedVolume{ID: id, Path: path, StagingPath: staging, Device: numberAt(info)}
	return call(ctx, d, "VolumeUsage", id, func(ctx context.Context) (Usage, error) {
		return d.features.usage.VolumeUsage(ctx, v)
	})
}

// deviceUsage is that of a raw device: only its size is known.
func deviceUsage(id string, number uint64) (Usage, error) {
	size, err := sysfsSize(number)
	if errors.Is(err, iofs.ErrNotExist) {
		return Usage{}, refuse(ErrNotFound, "volume %s: its device %s is gone", id, majorMinor(number))
	}
	if err != nil {
		return Usage{}, hostError(err, "volume %s: read the size of device %s", id, majorMinor(number))
	}
	return Usage{Bytes: Count{Total: size}}, nil
}

func (d *Driver) fileUsage(ctx context.Context, id, path string) (Usage, error) {
	u, err := d.gauge.Usage(ctx, path)
	if err != nil {
		return Usage{}, hostError(err, "volume %s: usage of %s", id, path)
	}
	return Usage{
		Bytes:  Count{Total: u.Bytes, Used: u.UsedBytes, Available: u.AvailableBytes},
		Inodes: Count{Total: u.Inodes, Used: u.UsedInodes, Available: u.FreeInodes},
	}, nil
}

// A knownPath is a path where a volume is staged or published: where exactly
// it is mounted, its staging path, and whether it is known to be a raw device.
type knownPath struct {
	point, staging string
	block          bool
}

// knownAt finds out whether path is the staging path or a target path of the
// volume: it reads what was written down, and if there is nothing, asks the
// kernel. NOT_FOUND says that it is neither.
func (d *Driver) knownAt(id, path string) (knownPath, error) {
	target, err := d.loadTarget(nodestate.Key{Volume: id, Target: path})
	if err != nil {
		return knownPath{}, err
	}
	if target != nil {
		return knownPath{point: path, staging: target.Staging, block: target.Volume.Access.Block}, nil
	}
	record, err := d.loadVolume(nodestate.Key{Volume: id})
	if err != nil {
		return knownPath{}, err
	}
	if record != nil {
		point := stagePoint(record.Path, id, record.Volume.Access.Block)
		if path == record.Path || path == point {
			return knownPath{point: point, staging: record.Path, block: record.Volume.Access.Block}, nil
		}
	}
	point, _, err := d.mountedAt(id, path)
	if err == nil && point == "" {
		err = refuse(ErrNotFound, "volume %s is neither staged nor published at %s on this node", id, path)
	}
	return knownPath{point: point}, err
}
