package csi

import (
	"context"
	"errors"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// A publication makes a volume visible at one target path by one bind mount,
// which is read-only from its first moment if it is to be (R5). What is bound
// is the staged volume, or one that this call stages in a private directory
// (PerPod, ephemeral).
type publication struct {
	d       *Driver
	ctx     keyop.Contexts
	undo    *undo
	key     nodestate.Key
	volume  NodeVolume
	carried carried
	// staging is the staging path, "" for volumes that are not staged.
	staging string

	// record is what was known about the target before this call.
	record *targetRecord
	// mounted is what was at the target before this call.
	mounted *mount.Info
	// source is what is bound, and what is mounted there.
	source string
	info   mount.Info
}

// run publishes the volume. On an error the caller runs p.undo.
func (p *publication) run() error {
	if err := p.d.checkPropagationOf(p.key.Target); err != nil {
		return err
	}
	if err := p.look(); err != nil {
		return err
	}
	if err := p.refuseOtherTargets(); err != nil {
		return err
	}
	prepare := p.findStaged
	if p.private() {
		prepare = p.stagePrivately
	}
	if err := prepare(); err != nil {
		return err
	}
	if p.mounted != nil {
		return p.compare()
	}
	return p.bind()
}

// look finds out what is at the target. It is compared with the request
// before anything is done.
func (p *publication) look() error {
	var err error
	if p.record, err = p.d.loadTarget(p.key); err != nil {
		return err
	}
	info, err := p.d.opts.Mounts.Find(p.key.Target)
	if errors.Is(err, mount.ErrNotMounted) {
		return nil
	}
	if err != nil {
		return hostError(err, "volume %s: look at target %s", p.volume.ID, p.key.Target)
	}
	p.mounted = &info
	return p.compareRequest()
}

// bind mounts the source at the target and verifies the effect.
func (p *publication) bind() error {
	target := p.key.Target
	if err := p.note(); err != nil {
		return err
	}
	if err := p.makeTarget(); err != nil {
		return err
	}
	p.undo.add("unmount "+target, func(ctx context.Context) error { return p.d.opts.Mounts.Unmount(ctx, target) })
	err := p.d.opts.Mounts.Bind(p.ctx.Op, mount.Binding{
		Source: p.source, Target: target, ReadOnly: p.volume.ReadOnly, Options: p.volume.Access.Options,
	})
	if err != nil {
		return hostError(err, "volume %s: publish it at %s", p.volume.ID, target)
	}
	info, err := p.d.opts.Mounts.Find(target)
	if err != nil {
		return hostError(err, "volume %s: verify its mount at %s", p.volume.ID, target)
	}
	return p.verify(info)
}

// note writes the target down before anything is there.
func (p *publication) note() error {
	p.undo.add("forget target "+p.key.Target, func(context.Context) error { return p.d.targetStore().Remove(p.key) })
	return notNoted(p.volume.ID, p.d.targetStore().SaveForBoot(p.key, targetRecord{Staging: p.stagingPath(), Volume: recordVolume(p.volume)}))
}

// makeTarget makes the directory or the file that is mounted upon; its parent
// is the CO's (spec, NodePublishVolume).
func (p *publication) makeTarget() error {
	target := p.key.Target
	p.undo.add("remove "+target, func(context.Context) error { return mount.Remove(target) })
	makePoint := mount.MakeDir
	if p.volume.Access.Block {
		makePoint = mount.MakeFile
	}
	return hostError(makePoint(target), "volume %s: make target %s", p.volume.ID, target)
}
