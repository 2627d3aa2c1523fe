package csi

import (
	"errors"
	"path/filepath"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// A targetRecord is what is written down about a volume at a target path,
// before it is mounted there and until the target is gone. It answers which
// other targets the volume has without a look through all mounts of the
// machine (contract ruling 29); the kernel is asked about each.
type targetRecord struct {
	// Staging is the staging path that the volume is published from, or
	// the private directory of a volume that is not staged.
	Staging string `json:"staging"`
	// Volume is the request, without secrets.
	Volume recordedVolume `json:"volume"`
}

func (d *Driver) targetStore() nodestate.Store[targetRecord] {
	return nodestate.In[targetRecord](filepath.Join(d.opts.StateDir, "targets"))
}

// loadTarget returns what is known about a volume at a target; nil if there
// is nothing or if it is damaged, which is the same as lost.
func (d *Driver) loadTarget(k nodestate.Key) (*targetRecord, error) {
	r, err := d.targetStore().Load(k)
	if errors.Is(err, nodestate.ErrDamaged) {
		d.log.Warn("what was known about a published volume is lost", "id", k.Volume, "target", k.Target, "error", err)
		return nil, nil
	}
	return r, err
}

// publishedTargets lists the targets where the volume is mounted.
func (d *Driver) publishedTargets(id string) ([]nodestate.Entry[targetRecord], error) {
	all, err := d.targetStore().Of(id)
	if err != nil {
		return nil, err
	}
	var mounted []nodestate.Entry[targetRecord]
	for _, t := range all {
		is, err := d.mountedTarget(id, t.Target)
		if err != nil {
			return nil, err
		}
		if is {
			mounted = append(mounted, t)
		}
	}
	return mounted, nil
}

// mountedTarget asks the kernel about a target that is written down.
func (d *Driver) mountedTarget(id, target string) (bool, error) {
	_, err := d.opts.Mounts.Find(target)
	if errors.Is(err, mount.ErrNotMounted) {
		return false, nil
	}
	return err == nil, hostError(err, "volume %s: look at its target %s", id, target)
}
