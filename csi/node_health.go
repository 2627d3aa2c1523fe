package csi

import (
	"context"
	"errors"
	"time"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// silentAfter is how long a file system may take to say how full it is before
// it counts as not answering.
const silentAfter = 5 * time.Second

// NodeGetVolumeHealth implements csipb.NodeServer. Like NodeGetVolumeStats it
// only reads: it is no operation, waits for nobody and opens no device (R14).
func (s *nodeServer) NodeGetVolumeHealth(ctx context.Context, r *csipb.NodeGetVolumeHealthRequest) (*csipb.NodeGetVolumeHealthResponse, error) {
	problems, err := s.d.nodeHealth(ctx, StagedVolume{ID: r.GetVolumeId(), Path: r.GetVolumePublishPath(), StagingPath: r.GetStagingTargetPath()})
	if err != nil {
		return nil, err
	}
	return &csipb.NodeGetVolumeHealthResponse{VolumeHealth: healthToProto(r.GetVolumeId(), problems)}, nil
}

// nodeHealth is what the framework sees of a volume, at the first of its paths
// where it is, and what the backend knows beside. Without a backend that knows,
// a volume that is nowhere is NOT_FOUND; one that is being staged may be.
func (d *Driver) nodeHealth(ctx context.Context, v StagedVolume) ([]Problem, error) {
	v, err := d.withPaths(v)
	if err != nil {
		return nil, err
	}
	problems, lost := []Problem(nil), refuse(ErrNotFound, "volume %s is neither staged nor published on this node", v.ID)
	for _, path := range []string{v.Path, v.StagingPath} {
		if path == "" {
			continue
		}
		var info mount.Info
		if info, problems, lost = d.healthAt(ctx, v.ID, path); !errors.Is(lost, ErrNotFound) {
			v.Device = numberAt(info)
			break
		}
	}
	if d.features.nodeHealth == nil || lost != nil && !errors.Is(lost, ErrNotFound) {
		return problems, lost
	}
	more, err := call(ctx, d, "NodeVolumeHealth", v.ID, func(ctx context.Context) ([]Problem, error) {
		return d.features.nodeHealth.NodeVolumeHealth(ctx, v)
	})
	if errors.Is(err, ErrUnsupported) {
		return problems, lost
	}
	return append(problems, more...), err
}

// withPaths adds the paths that are written down of a volume if the request has
// none, since both are optional.
func (d *Driver) withPaths(v StagedVolume) (StagedVolume, error) {
	if v.Path != "" || v.StagingPath != "" {
		return v, nil
	}
	record, err := d.loadVolume(nodestate.Key{Volume: v.ID})
	if err != nil {
		return v, err
	}
	if record != nil {
		v.StagingPath = record.Path
	}
	targets, err := d.targetStore().Of(v.ID)
	if len(targets) > 0 {
		v.Path = targets[0].Target
	}
	return v, err
}

// healthAt looks at a volume at one of its paths. It asks the file system first,
// in a way that ends with ctx, and looks at the mount only if there was an answer.
func (d *Driver) healthAt(ctx context.Context, id, path string) (mount.Info, []Problem, error) {
	v, err := d.knownAt(id, path)
	if err != nil {
		return mount.Info{}, nil, err
	}
	var answer error
	if !v.block {
		short, cancel := context.WithTimeout(ctx, silentAfter)
		_, answer = d.gauge.Usage(short, v.point)
		late := answer != nil && short.Err() != nil // an answer at the last moment is one
		cancel()
		switch {
		case answer != nil && ctx.Err() != nil:
			return mount.Info{}, nil, hostError(answer, "volume %s: ask the file system at %s", id, path)
		case late:
			return mount.Info{}, inaccessible("NotAnswering", answer.Error()), nil
		}
	}
	info, err := d.opts.Mounts.Find(v.point)
	if errors.Is(err, mount.ErrNotMounted) {
		return info, nil, refuse(ErrNotFound, "volume %s: nothing is mounted at %s", id, path)
	}
	if err != nil {
		return info, nil, hostError(err, "volume %s: look at %s", id, path)
	}
	problems, err := d.mountHealth(id, info, answer)
	return info, problems, err
}

func inaccessible(reason, message string) []Problem {
	return []Problem{{Inaccessible, reason, message}}
}

// numberAt is the number of the device at a mount, "" if it has none.
func numberAt(info mount.Info) string {
	switch {
	case info.Rdev != 0:
		return majorMinor(info.Rdev)
	case !anonymous(info.Device):
		return majorMinor(info.Device)
	}
	return ""
}
