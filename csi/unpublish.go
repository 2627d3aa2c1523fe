package csi

import (
	"context"
	"errors"
	"slices"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// An unpublication takes a volume away from one target path: all mounts that
// are stacked there, then the empty directory or file, then whatever this
// driver made for this target alone, and last what was written down.
type unpublication struct {
	d   *Driver
	ctx keyop.Contexts
	key nodestate.Key
}

func (u *unpublication) run() error {
	id := u.key.Volume
	if u.foreign() {
		u.d.log.WarnContext(u.ctx.Op, "another volume is published at the target that is to be unpublished, and stays there", "id", id, "target", u.key.Target)
	} else if err := u.clear(); err != nil {
		return err
	}
	if err := u.unstagePrivately(); err != nil {
		return err
	}
	if err := u.deleteEphemeral(); err != nil {
		return err
	}
	u.d.outdated(u.ctx.Op, id, u.d.targetStore().Remove(u.key))
	return nil
}

// foreign reports whether what is mounted at the target is written down as
// another volume, and nothing is of this one. What cannot be read holds no pod.
func (u *unpublication) foreign() bool {
	record, err := u.d.loadTarget(u.key)
	if err != nil || record != nil {
		return false
	}
	if _, err := u.d.opts.Mounts.Find(u.key.Target); err != nil {
		return false
	}
	other, err := u.d.claimed(u.key.Volume, u.key.Target)
	return err == nil && other
}

// clear takes away what is mounted at the target, and the target.
func (u *unpublication) clear() error {
	id, target := u.key.Volume, u.key.Target
	if err := u.d.opts.Mounts.Unmount(u.ctx.Op, target); err != nil {
		return hostError(err, "volume %s: unmount target %s", id, target)
	}
	return hostError(mount.Remove(target), "volume %s: remove target %s, of which only an empty directory or file is removed", id, target)
}

// unstagePrivately undoes the private mount, if this driver has such.
func (u *unpublication) unstagePrivately() error {
	if !u.d.features.traits.PerPod && u.d.features.ephemeral == nil {
		return nil
	}
	path := u.d.privatePath(u.key)
	record, err := u.d.loadVolume(u.key)
	if err != nil {
		return err
	}
	_, err = u.d.opts.Mounts.Find(path)
	if record != nil || !errors.Is(err, mount.ErrNotMounted) {
		unstage := &unstaging{d: u.d, ctx: u.ctx, key: u.key, path: path}
		if err := unstage.run(); err != nil {
			return err
		}
	}
	return hostError(mount.Remove(path), "volume %s: remove the directory that it was mounted in", u.key.Volume)
}

// deleteEphemeral does not ask the backend about a volume that was staged or
// that was published as one to be kept: what is wrong with one inline volume is
// no reason to hold all others.
func (u *unpublication) deleteEphemeral() error {
	if u.d.features.ephemeral == nil {
		return nil
	}
	target, err := u.d.loadTarget(u.key)
	if err != nil || target != nil && !target.Volume.Ephemeral {
		return err
	}
	if target == nil {
		if elsewhere, err := u.isElsewhere(); err != nil || elsewhere {
			return err
		}
	}
	return u.d.deleteEphemeral(u.ctx.Wait, u.ctx.Op, u.key.Volume)
}

// isElsewhere reports whether something is written down of the volume, but not of
// this target: it is staged, or published at another one.
func (u *unpublication) isElsewhere() (bool, error) {
	targets, err := u.d.targetStore().Of(u.key.Volume)
	if err != nil || len(targets) > 0 {
		return true, err
	}
	staged, err := u.d.volumeStore().Of(u.key.Volume)
	return slices.ContainsFunc(staged, func(e nodestate.Entry[volumeRecord]) bool { return e.Target != u.key.Target }), err
}

// deleteEphemeral deletes the volume if the backend says that it is an
// ephemeral one of this node: the CO's request does not say so.
func (d *Driver) deleteEphemeral(wait, op context.Context, id string) error {
	ephemeral := d.features.ephemeral
	if ephemeral == nil {
		return nil
	}
	if there, err := d.ephemeralIsThere(wait, id); err != nil || !there {
		return err
	}
	return do(op, d, "DeleteEphemeral", id, func(ctx context.Context) error {
		return ephemeral.DeleteEphemeral(ctx, NodeVolume{ID: id, Ephemeral: true})
	})
}

// ephemeralIsThere reports whether the backend lists the volume as an ephemeral one
// of this node.
func (d *Driver) ephemeralIsThere(wait context.Context, id string) (bool, error) {
	ids, err := call(wait, d, "EphemeralVolumes", id, d.features.ephemeral.EphemeralVolumes)
	return slices.Contains(ids, id), err
}
