package csi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// private reports whether the volume is not staged by the CO.
func (p *publication) private() bool { return p.volume.Ephemeral || p.d.features.traits.PerPod }

// stagingPath is what the volume is published from.
func (p *publication) stagingPath() string {
	if p.private() {
		return p.d.privatePath(p.key)
	}
	return p.staging
}

// privatePath is the directory where a volume that the CO does not stage is
// mounted before it is bound to its target. The state directory must be
// mounted into the plugin with propagation Bidirectional, so that the mount
// outlives the plugin.
func (d *Driver) privatePath(k nodestate.Key) string {
	sum := sha256.Sum256([]byte(k.Volume + "\x00" + k.Target))
	return filepath.Join(d.opts.StateDir, "private", hex.EncodeToString(sum[:16]))
}

// stagePrivately makes the volume if it is ephemeral, stages it in a private
// directory and lets the backend write its files: before the pod can see the
// mount, and again in place at every later publish (contract ruling 28).
func (p *publication) stagePrivately() error {
	path := p.d.privatePath(p.key)
	if err := p.createEphemeral(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the directory of private mounts: %w", err)
	}
	if p.mounted == nil {
		p.undo.add("remove "+path, func(context.Context) error { return mount.Remove(path) })
	}
	if err := mount.MakeDir(path); err != nil {
		return hostError(err, "volume %s: make the directory that it is mounted in", p.volume.ID)
	}
	if err := p.takeBack(path); err != nil {
		return err
	}
	if err := p.stageAt(path); err != nil {
		return err
	}
	info, err := p.d.opts.Mounts.Find(path)
	if err != nil {
		return hostError(err, "volume %s: look at %s", p.volume.ID, path)
	}
	p.source, p.info = path, info
	return p.populate(path)
}

// takeBack makes the private mount from the target if it is lost, as when the
// state directory is not mounted with propagation Bidirectional: a share
// mounted anew could be another file system than the one that the pod sees. It
// can be written, or not, as when it was staged: the target's being read-only is
// not inherited.
func (p *publication) takeBack(path string) error {
	if p.mounted == nil {
		return nil
	}
	_, err := p.d.opts.Mounts.Find(path)
	if !errors.Is(err, mount.ErrNotMounted) {
		return hostError(err, "volume %s: look at %s", p.volume.ID, path)
	}
	err = p.d.opts.Mounts.Bind(p.ctx.Op, mount.Binding{
		Source: p.key.Target, Target: path, ReadOnly: p.stagesReadOnly(), Writable: !p.stagesReadOnly(),
	})
	return hostError(err, "volume %s: bind its target to %s", p.volume.ID, path)
}

// stagesReadOnly reports whether nobody writes to the private mount. It can be
// written unless the access mode says otherwise: readonly is a matter of the
// target.
func (p *publication) stagesReadOnly() bool {
	return readOnlyAccess(p.volume.Access) && p.d.features.populator == nil
}

func (p *publication) stageAt(path string) error {
	volume := p.volume
	volume.ReadOnly = p.stagesReadOnly()
	s := &staging{
		d: p.d, ctx: p.ctx, undo: p.undo, key: p.key, path: path,
		volume: volume, carried: p.carried,
	}
	return s.run()
}

func (p *publication) createEphemeral() error {
	if !p.volume.Ephemeral {
		return nil
	}
	ephemeral := p.d.features.ephemeral
	if ephemeral == nil {
		return refuse(ErrInvalid, "volume %s: this driver has no ephemeral inline volumes", p.volume.ID)
	}
	if p.mounted == nil {
		p.undo.add("delete ephemeral volume "+p.volume.ID, p.undoEphemeral())
	}
	return do(p.ctx.Op, p.d, "CreateEphemeral", p.volume.ID, func(ctx context.Context) error {
		return ephemeral.CreateEphemeral(ctx, p.volume)
	})
}

// undoEphemeral deletes the volume if it was not there before this call: after a
// reboot of the node nothing is mounted, and the volume holds the pod's data.
// What may have been there stays, and the CO is not told that nothing exists: it
// goes when the pod is unpublished.
func (p *publication) undoEphemeral() func(context.Context) error {
	id := p.volume.ID
	there, err := p.d.ephemeralIsThere(p.ctx.Wait, id)
	return func(ctx context.Context) error {
		switch {
		case err != nil:
			return fmt.Errorf("it is not known whether it was there before: %w", err)
		case there:
			return errors.New("it was there before, and may hold data")
		}
		return p.d.deleteEphemeral(ctx, ctx, id)
	}
}

func (p *publication) populate(dir string) error {
	if p.d.features.populator == nil {
		return nil
	}
	return do(p.ctx.Op, p.d, "Populate", p.volume.ID, func(ctx context.Context) error {
		return p.d.features.populator.Populate(ctx, dir, p.volume)
	})
}
