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
	staged, err := d.othersStagedAt(id, path)
	return len(staged) > 0 || slices.ContainsFunc(targets, func(e nodestate.Entry[targetRecord]) bool {
		return e.Volume != id && e.Target == path
	}), err
}

// othersStagedAt lists the other volumes that are written down to be staged at a
// path. What was there before the machine was booted is not there any more.
func (d *Driver) othersStagedAt(id, path string) ([]nodestate.Entry[volumeRecord], error) {
	all, err := d.volumeStore().All()
	return slices.DeleteFunc(all, func(e nodestate.Entry[volumeRecord]) bool {
		r := &e.Value
		return e.Volume == id || !r.thisBoot() || stagePoint(r.Path, e.Volume, r.Volume.Access.Block) != path
	}), err
}

// ownerOf names the other volume that is proven to be what is mounted at a path;
// "" if none is: that one is written down to be there is not enough to say that
// this one is not.
func (d *Driver) ownerOf(id, path string) (string, error) {
	info, err := d.opts.Mounts.Find(path)
	if errors.Is(err, mount.ErrNotMounted) {
		return "", nil
	}
	others, listErr := d.othersStagedAt(id, path)
	for _, e := range others {
		if err == nil && e.Value.Mount.is(info) {
			return e.Volume, nil
		}
	}
	return "", listErr
}

// adopt makes the record of a volume from what is mounted.
func (d *Driver) adopt(id, path string, info mount.Info) *volumeRecord {
	r := &volumeRecord{Phase: phaseStaged, Boot: nodestate.BootID(), Path: path, Volume: recordedVolume{ID: id, ReadOnly: info.ReadOnly}}
	r.Volume.Access.Block = info.Rdev != 0
	if number := deviceOf(info); !anonymous(number) && !directoryOf(info) {
		r.Device = adoptDevice(number, info.Source)
	}
	d.adoptEncryption(r)
	return r
}

// adoptDevice records a device by its number, and by what tells it from the next
// one that gets the number.
func adoptDevice(number uint64, path string) *recordedDevice {
	sequence, _ := sysfs(number, "diskseq") // of Linux 5.15
	return &recordedDevice{Number: number, Path: path, Sequence: sequence}
}

// directoryOf reports whether a mount is a directory of a file system, as the
// share of type bind is: that of a device is mounted whole. btrfs can be made to
// show a subvolume, and below several layers may be anything.
func directoryOf(i mount.Info) bool {
	return i.Rdev == 0 && i.Root != "/" && i.Type != "btrfs" && i.Layers <= 1
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
		r.Device = adoptDevice(below, "")
	}
	return true
}
