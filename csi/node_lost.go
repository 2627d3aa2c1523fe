package csi

import (
	"errors"
	"slices"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// mountedAt finds a volume of which nothing is written down, as when the state
// directory was lost: it is what is mounted at one of the paths that the CO
// names for it, unless that is written down as another volume's. point is "" if
// there is no such mount.
func (d *Driver) mountedAt(id string, paths ...string) (point string, info mount.Info, err error) {
	for _, path := range paths {
		if path == "" || path == "/" {
			continue
		}
		for _, point := range []string{path, stagePoint(path, id, true)} {
			info, err := d.opts.Mounts.Find(point)
			if errors.Is(err, mount.ErrNotMounted) {
				continue
			}
			if err != nil {
				return "", info, hostError(err, "volume %s: look at %s", id, point)
			}
			if other, err := d.claimed(id, point); err != nil || other {
				return "", info, err
			}
			return point, info, nil
		}
	}
	return "", info, nil
}

// claimed reports whether another volume is written down to be at a path.
func (d *Driver) claimed(id, path string) (bool, error) {
	targets, err := d.targetStore().All()
	if err != nil {
		return false, err
	}
	volumes, err := d.volumeStore().All()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(targets, func(e nodestate.Entry[targetRecord]) bool {
		return e.Volume != id && e.Target == path
	}) || slices.ContainsFunc(volumes, func(e nodestate.Entry[volumeRecord]) bool {
		return e.Volume != id && stagePoint(e.Value.Path, e.Volume, e.Value.Volume.Access.Block) == path
	}), nil
}

// adopt makes the record of a volume from what is mounted.
func (d *Driver) adopt(id, path string, info mount.Info) *volumeRecord {
	r := &volumeRecord{Phase: phaseStaged, Boot: nodestate.BootID(), Path: path, Volume: recordedVolume{ID: id, ReadOnly: info.ReadOnly}}
	r.Volume.Access.Block = info.Rdev != 0
	if number := deviceOf(info); !anonymous(number) {
		r.Device = &recordedDevice{Number: number, Path: info.Source}
	}
	d.adoptEncryption(r)
	return r
}

// adoptEncryption completes a record by the encryption that is open for the
// volume, and reports whether there is one.
func (d *Driver) adoptEncryption(r *volumeRecord) bool {
	below, err := fs.BelowLUKS(d.luks(r.Volume.ID))
	if err != nil {
		return false
	}
	r.Encrypted, r.Mapping, r.Device = true, r.Device, nil
	if below != 0 {
		r.Device = &recordedDevice{Number: below}
	}
	return true
}
