package csi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// An unstaging undoes a staging: NodeUnstageVolume, and the second half of
// NodeUnpublishVolume for volumes that are not staged.
//
// It answers only when the volume is proven not to be used on this node any
// more. A mount that has vanished proves nothing: the kernel takes it out of
// the table before it writes what is still in memory (R6). The record says
// "unstaging" until the end, so that a repetition goes on from there even
// though the path names no device any more.
type unstaging struct {
	d    *Driver
	ctx  keyop.Contexts
	key  nodestate.Key
	path string

	record *volumeRecord // nil if nothing is known
	// published are the targets that are written down for the path. Nobody
	// adds one while the volume is locked.
	published []string
	// foreign says that what is mounted at the path is another volume.
	foreign bool
}

func (u *unstaging) run() error {
	var err error
	if u.record, err = u.d.loadVolume(u.key); err != nil {
		return err
	}
	if elsewhere, err := u.stagedElsewhere(); err != nil || elsewhere {
		return err
	}
	if err := u.lookForOwner(); err != nil {
		return err
	}
	if err := u.lookForTargets(); err != nil {
		return err
	}
	if err := u.refusePublished(); err != nil {
		return err
	}
	if err := u.begin(); err != nil {
		return err
	}
	for _, point := range u.points() {
		if err := u.d.opts.Mounts.Unmount(u.ctx.Op, point); err != nil {
			return hostError(err, "volume %s: unmount %s", u.key.Volume, point)
		}
	}
	return u.finish()
}

// lookForOwner finds out whether what is mounted at the path is another volume,
// where nothing says that it is this one.
func (u *unstaging) lookForOwner() error {
	if u.record.thisBoot() && u.record.Path == u.path && u.record.Mount != nil {
		return nil
	}
	owner, err := u.d.ownerOf(u.key.Volume, u.path)
	if owner != "" {
		u.foreign = true
		u.d.log.WarnContext(u.ctx.Op, "another volume is staged at the path that is to be unstaged, and stays there", "id", u.key.Volume, "path", u.path, "other", owner)
	}
	return err
}

// points are the places where the volume can be mounted: one that the record
// names, or both if there is none.
func (u *unstaging) points() []string {
	block := stagePoint(u.path, u.key.Volume, true)
	switch {
	case u.foreign:
		return nil
	case u.record == nil:
		return []string{block, u.path}
	case u.record.Volume.Access.Block:
		return []string{block}
	}
	return []string{u.path}
}

// stagedElsewhere reports whether the volume is staged, but not at the path
// that is to be unstaged: then there is nothing to do.
func (u *unstaging) stagedElsewhere() (bool, error) {
	if !u.record.thisBoot() || u.record.Path == u.path {
		return false, nil
	}
	_, err := u.d.opts.Mounts.Find(stagePoint(u.record.Path, u.key.Volume, u.record.Volume.Access.Block))
	if errors.Is(err, mount.ErrNotMounted) {
		return false, nil
	}
	return err == nil, hostError(err, "volume %s: look at %s, where it was staged", u.key.Volume, u.record.Path)
}

// lookForTargets finds out what is written down of targets.
func (u *unstaging) lookForTargets() error {
	if u.key.Target != "" {
		return nil
	}
	all, err := u.d.targetStore().Of(u.key.Volume)
	for _, t := range all {
		if t.Value.Staging == u.path || u.record.thisBoot() && t.Value.Staging == u.record.Path {
			u.published = append(u.published, t.Target)
		}
	}
	return err
}

// refusePublished answers ABORTED while the volume is published: nothing has
// been undone then, and the pods go on.
func (u *unstaging) refusePublished() error {
	var used []string
	for _, target := range u.published {
		mounted, err := u.d.mountedTarget(u.key.Volume, target)
		if err != nil {
			return err
		}
		if mounted {
			used = append(used, target)
		}
	}
	if len(used) == 0 {
		return nil
	}
	return refuse(ErrPending, "volume %s is still published at %s: unpublish it there first", u.key.Volume, strings.Join(used, ", "))
}

// begin writes down that the volume is being unstaged. If it cannot be, the
// record of the staging must do for a repetition. Where that was lost, what is
// mounted tells which device must be free in the end: nothing would say it after
// the unmount if it were not written down now.
func (u *unstaging) begin() error {
	lost := u.record == nil
	if lost {
		if u.record = u.adopt(); u.record == nil {
			return nil
		}
	}
	if u.record.Phase == phaseUnstaging {
		return nil
	}
	u.record.Phase = phaseUnstaging
	err := u.d.volumeStore().SaveForBoot(u.key, *u.record)
	if lost {
		return notNoted(u.key.Volume, err)
	}
	u.d.outdated(u.ctx.Op, u.key.Volume, err)
	return nil
}

// adopt makes a record from what is mounted, or open; nil if nothing is.
func (u *unstaging) adopt() *volumeRecord {
	for _, point := range u.points() {
		info, err := u.d.opts.Mounts.Find(point)
		if err != nil {
			continue
		}
		r := u.d.adopt(u.key.Volume, u.path, info)
		r.Volume.Access.Block = point != u.path
		return r
	}
	r := &volumeRecord{Boot: nodestate.BootID(), Path: u.path, Volume: recordedVolume{ID: u.key.Volume}}
	if u.d.adoptEncryption(r) {
		return r
	}
	return nil
}

// finish proves that the device is free, releases the volume and forgets it.
// All its mounts are gone.
func (u *unstaging) finish() error {
	volume := NodeVolume{ID: u.key.Volume}
	if u.record != nil {
		volume = u.record.Volume.nodeVolume()
		if err := u.free(); err != nil {
			return fmt.Errorf("volume %s: %w", u.key.Volume, err)
		}
	}
	if err := u.removePlaceholder(); err != nil {
		return hostError(err, "volume %s: remove the file that its device was bound to", u.key.Volume)
	}
	if err := u.d.release(u.ctx.Op, volume); err != nil {
		return err
	}
	u.forget()
	return nil
}

// removePlaceholder leaves the content of another volume alone.
func (u *unstaging) removePlaceholder() error {
	if u.foreign {
		return nil
	}
	return mount.Remove(stagePoint(u.path, u.key.Volume, true))
}

// forget removes the record, and those of targets that were never unpublished
// and whose mounts have gone by themselves, as with a reboot.
func (u *unstaging) forget() {
	for _, target := range u.published {
		err := u.d.targetStore().Remove(nodestate.Key{Volume: u.key.Volume, Target: target})
		u.d.outdated(u.ctx.Op, u.key.Volume, err)
	}
	u.d.outdated(u.ctx.Op, u.key.Volume, u.d.volumeStore().Remove(u.key))
}

func (u *unstaging) free() error {
	if !u.record.thisBoot() {
		return nil
	}
	if u.record.Encrypted {
		if err := u.d.closeEncryption(u.ctx.Op, u.key.Volume); err != nil {
			return err
		}
	}
	if u.record.Device == nil {
		return nil
	}
	err := u.d.freeDevice(u.ctx.Op, u.key.Volume, u.record.Device)
	if errors.Is(err, syscall.ENXIO) && u.record.Mount != nil {
		return u.freeOffline()
	}
	return err
}

// freeOffline proves that a device which cannot be opened, since its disk is
// offline, is not used: the backend can then let go of it, which may be the only
// way to get it back.
func (u *unstaging) freeOffline() error {
	r := u.record
	fstype := r.Mount.Type
	if fstype == "" && !r.Volume.Access.Block {
		return refuse(ErrUnavailable, "cannot prove that device %s is free: it is offline, and it is not known what was mounted", majorMinor(r.Device.Number))
	}
	if err := fs.Idle(r.Device.Number, fstype); err != nil {
		return hostError(err, "device %s is offline, and is still used on this node", majorMinor(r.Device.Number))
	}
	u.d.logLost(u.ctx.Op, u.key.Volume, fmt.Errorf("device %s is offline", majorMinor(r.Device.Number)))
	return nil
}

// freeDevice proves that nobody on this node uses the device any more: what was
// written is on the device, and no mount in any namespace, no mapping and no
// loop device holds it (R6, contract ruling 24).
//
// What cannot be written to a disk that fails is gone: the kernel has dropped it,
// and a retry would find nothing left to write. It is said in the log, and does
// not keep the volume on the node.
func (d *Driver) freeDevice(ctx context.Context, id string, r *recordedDevice) error {
	device, err := r.open()
	if errors.Is(err, errDeviceGone) {
		return nil
	}
	if err != nil {
		return refuse(ErrUnavailable, "cannot prove that device %s is free: %w", majorMinor(r.Number), err)
	}
	if err := device.File().Sync(); err != nil {
		d.logLost(ctx, id, fmt.Errorf("device %s: %w", majorMinor(r.Number), err))
	}
	err = device.Exclusive()
	if err == nil && r.MadeReadOnly {
		err = d.makeWritable(ctx, id, r, device)
	}
	return hostError(errors.Join(err, device.Close()), "device %s is still used on this node", majorMinor(r.Number))
}

// makeWritable takes back that staging has set the device read-only, if it is
// proven to be the same: a record can outlive its staging, and a raw device that
// another volume's readers use by now has no other protection.
func (d *Driver) makeWritable(ctx context.Context, id string, r *recordedDevice, device *fs.Device) error {
	if err := r.proven(id, device); err != nil {
		d.log.WarnContext(ctx, "a device stays read-only: blockdev --setrw makes it writable again", "id", id, "device", device.String(), "reason", err)
		return nil
	}
	return device.SetReadOnly(false)
}

func (d *Driver) logLost(ctx context.Context, id string, err error) {
	d.log.ErrorContext(ctx, "data of a volume may not have been written to its device, and is lost then", "id", id, "error", err)
}
