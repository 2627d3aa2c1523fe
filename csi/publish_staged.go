package csi

import (
	"context"
	"errors"
	"fmt"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// findStaged finds what the volume is published from, and proves that it is
// mounted: the kubelet can publish while or after it unstages.
func (p *publication) findStaged() error {
	if p.staging == "" {
		return refuse(ErrInUse, "volume %s: staging_target_path is empty; this driver publishes staged volumes", p.volume.ID)
	}
	record, err := p.d.loadVolume(nodestate.Key{Volume: p.volume.ID})
	if err != nil {
		return err
	}
	p.source = stagePoint(p.staging, p.volume.ID, p.volume.Access.Block)
	p.info, err = p.d.opts.Mounts.Find(p.source)
	switch {
	case err == nil && p.info.Dead == nil && !record.reviving():
		return p.proveStaged(record)
	case err == nil && (p.info.Dead == nil || gone(p.info.Dead)), errors.Is(err, mount.ErrNotMounted) && record.reviving():
		return p.reviveShare()
	case errors.Is(err, mount.ErrNotMounted):
		return refuse(ErrInUse, "volume %s is not staged at %s: call NodeStageVolume first", p.volume.ID, p.staging)
	case err != nil:
		return hostError(err, "volume %s: look at %s", p.volume.ID, p.source)
	}
	return refuse(ErrUnavailable, "volume %s: what is mounted at %s does not work: %w", p.volume.ID, p.source, p.info.Dead)
}

// proveStaged compares what is mounted at the staging path with what staging
// has left there. A raw device is proven again: a bind mount of its node goes
// on when the device has gone and another has its number (R17).
func (p *publication) proveStaged(record *volumeRecord) error {
	if !record.thisBoot() {
		return p.proveLost()
	}
	switch {
	case record.Path != p.staging:
		return refuse(ErrInUse, "volume %s is staged at %s, not at %s", p.volume.ID, record.Path, p.staging)
	case record.Phase == phaseUnstaging:
		return refuse(ErrPending, "volume %s is being unstaged from %s", p.volume.ID, p.staging)
	case record.Phase != phaseStaged:
		return refuse(ErrInUse, "volume %s: staging it at %s has not succeeded: call NodeStageVolume again", p.volume.ID, p.staging)
	case !record.Mount.is(p.info):
		return refuse(ErrInUse, "volume %s: what is mounted at %s is not what was staged; unstage it first", p.volume.ID, p.source)
	case record.Mount.ReadOnly != p.info.ReadOnly:
		return refuse(ErrInUse, "volume %s: what is mounted at %s has become %s since it was staged, as a file system with errors does: unstage it, so that the next stage checks it",
			p.volume.ID, p.source, writability(p.info))
	case p.volume.Access.Block && record.Device != nil:
		return p.proveDevice(record)
	}
	return nil
}

// proveLost decides where nothing is written down: the mount is all there is to
// go by, unless it is written down as another volume's.
func (p *publication) proveLost() error {
	other, err := p.d.claimed(p.volume.ID, p.source)
	if err != nil {
		return err
	}
	if other {
		return refuse(ErrInUse, "volume %s is not staged at %s, where another volume is: call NodeStageVolume first", p.volume.ID, p.staging)
	}
	return p.refuseUnguarded()
}

func writability(i mount.Info) string {
	if i.ReadOnly {
		return "read-only"
	}
	return "writable"
}

func (p *publication) proveDevice(record *volumeRecord) error {
	recorded := record.Device
	device, err := recorded.open()
	if err != nil {
		return refuse(ErrInUse, "volume %s: the device that was staged, %s, cannot be used: %w; unstage it first", p.volume.ID, majorMinor(recorded.Number), err)
	}
	err = proveSysfs(p.volume.ID, device, recorded.Sysfs)
	switch {
	case err != nil:
	case record.Encrypted:
		err = p.proveDecrypted(device, record)
	default:
		err = p.guardDevice(record, device)
	}
	return errors.Join(err, device.Close())
}

// proveDecrypted proves that the content of the encryption on the device is
// what was staged.
func (p *publication) proveDecrypted(device *fs.Device, record *volumeRecord) error {
	content, err := device.FindLUKS(p.d.luks(p.volume.ID))
	if err != nil {
		return refuse(ErrInUse, "volume %s: %w; unstage it first", p.volume.ID, err)
	}
	if record.Mapping.is(recordMapping(content)) {
		err = p.guardDecrypted(device, content, record)
	} else {
		err = refuse(ErrInUse, "volume %s: its encryption is open as device %s now, which is not what was staged; unstage it first", p.volume.ID, majorMinor(content.Number()))
	}
	return errors.Join(err, content.Close())
}

// guardDecrypted is guardDevice for the content of an encryption. What could not
// grow while it was published readonly does so for the next writer.
func (p *publication) guardDecrypted(device, content *fs.Device, record *volumeRecord) error {
	if err := p.guardDevice(record, content); err != nil || p.volume.ReadOnly {
		return err
	}
	return hostError(device.GrowLUKS(p.ctx.Op, p.d.luks(p.volume.ID)), "volume %s: grow its encryption", p.volume.ID)
}

// reviveShare mounts a dead share again, once for all publishes that find it
// dead (contract ruling 27). Pods that run keep the dead mount and must be
// restarted.
//
// The operation is only a turn among those publishes. What is done in it is a
// part of this publish: it has its contexts, and is waited for as long as it
// takes, since only this publish keeps an unstage away.
func (p *publication) reviveShare() error {
	id := p.volume.ID
	op := keyop.Op{RPC: "NodePublishVolume", ID: id, Keys: []keyop.Key{keyop.Exclusive("share of " + volumeKey(id))}, Tags: []string{targetKey(p.key.Target)}}
	info, err := operateOnNode(context.WithoutCancel(p.ctx.Op), p.d, op, func(keyop.Contexts) (mount.Info, error) {
		if err := p.stageAgain(); err != nil {
			return mount.Info{}, fmt.Errorf("mount a dead share again: %w", err)
		}
		return p.d.opts.Mounts.Find(p.source)
	})
	p.info = info
	return err
}

// stageAgain stages the share as it was staged, but with the secrets of the
// publish, since those of the stage are not kept. The record says "reviving"
// before the dead mount is taken away, so that a publish after a crash knows
// that the volume is staged although nothing is mounted.
func (p *publication) stageAgain() error {
	key := nodestate.Key{Volume: p.volume.ID}
	record, err := p.d.loadVolume(key)
	if err != nil {
		return err
	}
	if !record.thisBoot() || record.Path != p.staging || record.Device != nil {
		return refuse(ErrInUse, "volume %s: what is mounted at %s is dead; unstage it first", p.volume.ID, p.source)
	}
	volume := record.Volume.nodeVolume()
	volume.Secrets, volume.Access.Options = p.volume.Secrets, p.volume.Access.Options
	s := &staging{d: p.d, ctx: p.ctx, undo: new(undo), key: key, path: p.staging, volume: volume, revive: true}
	return s.undo.after(p.ctx.Op, s.run())
}
