package csi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// A staging is one attempt to stage a volume at a directory: what
// NodeStageVolume does, and the first half of NodePublishVolume for volumes
// that are not staged (PerPod, ephemeral).
//
// The order is: write down what Locate will get; Locate; prove the device;
// decide on its content; mount or bind it at the directory; verify the mount;
// grow the file system; write down that it is done. A repetition finds the
// mount, compares it and does what is missing.
type staging struct {
	d       *Driver
	ctx     keyop.Contexts
	undo    *undo
	key     nodestate.Key
	path    string
	volume  NodeVolume
	carried carried
	// revive says that a dead share is to be mounted again.
	revive bool

	// encryption and mkfs say how the device is to be encrypted and formatted.
	encryption encryption
	mkfs       map[string]string

	record volumeRecord
	// mounted is what was at the mount point when the call began; nil if
	// nothing was.
	mounted *mount.Info
	// lost says that it is staged already, but not written down.
	lost bool
	// living is the record of a staging whose file system is alive still, and
	// is to be mounted once more: see stage_living.go.
	living *volumeRecord
	// uuid is that of the file system that this call has mounted.
	uuid string
	// proveAgain proves the device that Locate found once more.
	proveAgain func() error
}

// run stages the volume. On an error the caller runs s.undo.
func (s *staging) run() error {
	if err := s.d.checkPropagationOf(s.path); err != nil {
		return err
	}
	err := s.attempt()
	if stale := (*staleBind)(nil); errors.As(err, &stale) {
		if err = s.replaceStale(stale); err == nil {
			err = s.attempt()
		}
	}
	return err
}

func (s *staging) attempt() error {
	if err := s.begin(); err != nil {
		return err
	}
	source, err := s.d.locate(s.ctx.Wait, s.volume)
	if err != nil {
		return err
	}
	switch source := source.(type) {
	case Device:
		return s.stageDevice(source)
	case Share:
		return s.stageShare(source)
	}
	return fmt.Errorf("volume %s: Locate returned a %T, want a Device or a Share", s.volume.ID, source)
}

// begin finds out what is there already, refuses what is incompatible, and
// writes down what Locate is about to be asked.
func (s *staging) begin() error {
	prior, err := s.d.loadVolume(s.key)
	if err != nil {
		return err
	}
	if err := s.stagedOtherwise(prior); err != nil {
		return err
	}
	if err := s.find(prior); err != nil {
		return err
	}
	if s.mounted != nil {
		return s.beginAgain(prior)
	}
	notAgain := s.notAgain(prior)
	if prior != nil && prior.Phase == phaseUnstaging {
		u := &unstaging{d: s.d, ctx: s.ctx, key: s.key, path: s.path, record: prior}
		err := u.lookForTargets()
		if err == nil {
			err = u.finish()
		}
		switch {
		case err == nil:
			return s.beginFresh(nil)
		case !errors.Is(err, fs.ErrBusy):
			return fmt.Errorf("an unstage that did not end must be finished first: %w", err)
		case notAgain != "":
			return fmt.Errorf("an unstage that did not end must be finished first: %w; until then it cannot be staged again: %s", err, notAgain)
		}
	}
	if notAgain == "" {
		s.living = prior
	}
	return s.beginFresh(prior)
}

// beginFresh starts from nothing: what this call makes is undone if it fails
// for good.
func (s *staging) beginFresh(prior *volumeRecord) error {
	s.record = volumeRecord{Phase: phaseStaging, Boot: nodestate.BootID(), Path: s.path, Volume: recordVolume(s.volume)}
	if s.revive {
		s.record.Phase = phaseReviving
		return s.save()
	}
	if prior.thisBoot() && prior.Device != nil {
		s.record.Device = prior.Device // an earlier attempt may have changed it
		s.record.Encrypted = prior.Encrypted
		if s.living != nil {
			s.record.Mount = prior.Mount
		}
	}
	s.undoPrior(prior)
	return s.save()
}

// undoPrior undoes what is written down: the volume of this record, and the
// device of an earlier attempt.
func (s *staging) undoPrior(prior *volumeRecord) {
	s.undo.add("remove the record of volume "+s.volume.ID, func(context.Context) error {
		return s.d.volumeStore().Remove(s.key)
	})
	s.undo.add("release volume "+s.volume.ID, func(ctx context.Context) error {
		return s.d.release(ctx, s.record.Volume.nodeVolume())
	})
	defer s.keepPublished() // what is added last is undone first
	if !prior.thisBoot() || prior.Device == nil {
		return
	}
	s.undo.add("free device "+majorMinor(prior.Device.Number), func(ctx context.Context) error {
		return s.d.freeDevice(ctx, s.volume.ID, prior.Device)
	})
	if prior.Encrypted {
		s.undo.add("close the encryption of volume "+s.volume.ID, s.closeEncryption)
	}
}

// keepPublished keeps the undo from what a pod uses: a raw device can be published
// while its staging bind is lost, and a bind of a device node holds nothing.
func (s *staging) keepPublished() {
	if s.key.Target != "" {
		return
	}
	s.undo.add("release what pods use", func(context.Context) error {
		targets, err := s.d.publishedTargets(s.volume.ID)
		if err == nil && len(targets) > 0 {
			err = fmt.Errorf("it is published at %s: unpublish it there first", targets[0].Target)
		}
		return err
	})
}

// find looks at the mount point. A dead share is taken away: nothing that
// uses it can get anywhere any more (contract ruling 27).
func (s *staging) find(prior *volumeRecord) error {
	point := s.mountPoint()
	info, err := s.d.opts.Mounts.Find(point)
	switch {
	case errors.Is(err, mount.ErrNotMounted):
		return nil
	case err != nil:
		return hostError(err, "volume %s: look at %s", s.volume.ID, point)
	case gone(info.Dead):
		return s.takeAway(prior, info.Dead)
	case info.Dead != nil:
		return refuse(ErrUnavailable, "volume %s: what is mounted at %s does not work: %w", s.volume.ID, point, info.Dead)
	}
	s.mounted = &info
	return nil
}

// takeAway unmounts a dead share.
func (s *staging) takeAway(prior *volumeRecord, dead error) error {
	if s.revive && prior != nil {
		prior.Phase = phaseReviving
		if err := s.d.volumeStore().Save(s.key, *prior); err != nil {
			return err
		}
	}
	s.d.log.WarnContext(s.ctx.Op, "a dead share is unmounted, to be mounted again", "id", s.volume.ID, "path", s.mountPoint(), "dead", dead)
	return hostError(s.d.opts.Mounts.Unmount(s.ctx.Op, s.mountPoint()), "volume %s: unmount its dead share", s.volume.ID)
}

// save writes down what Release needs, so that it outlives even a crash of the
// machine. Without a Releaser nobody needs it then.
func (s *staging) save() error {
	if s.d.features.releaser == nil {
		return s.saveForBoot()
	}
	return notNoted(s.volume.ID, s.d.volumeStore().Save(s.key, s.record))
}

// saveForBoot writes down what a boot of the machine makes void: which device
// and which mount it is. What Release needs then has been saved before Locate.
func (s *staging) saveForBoot() error {
	return notNoted(s.volume.ID, s.d.volumeStore().SaveForBoot(s.key, s.record))
}

// finish verifies by effect what is at the mount point now and completes the
// record.
func (s *staging) finish(verify func(mount.Info) error) error {
	info, err := s.d.opts.Mounts.Find(s.mountPoint())
	if err != nil {
		return hostError(err, "volume %s: verify its mount", s.volume.ID)
	}
	if err := verify(info); err != nil {
		return err
	}
	if s.record.Phase == phaseStaged && s.record.Mount.is(info) {
		return nil
	}
	s.record.Phase, s.record.Mount = phaseStaged, s.recordMount(info)
	if s.lost {
		return s.save()
	}
	return s.saveForBoot()
}

// mountPoint is where the volume is visible once it is staged.
func (s *staging) mountPoint() string {
	return stagePoint(s.path, s.volume.ID, s.volume.Access.Block)
}

// undoMount unmounts what is mounted at the mount point.
func (s *staging) undoMount() {
	point := s.mountPoint()
	s.undo.add("unmount "+point, func(ctx context.Context) error { return s.d.opts.Mounts.Unmount(ctx, point) })
}

// undoPlaceholder removes the file that a raw device is bound to.
func (s *staging) undoPlaceholder() {
	point := s.mountPoint()
	s.undo.add("remove "+point, func(context.Context) error { return mount.Remove(point) })
}

// stagePoint is the staging path itself for a file system, and for a raw
// device a file in it that is named by the volume: the kubelet can give the
// same directory to different volumes (kubernetes#87724).
func stagePoint(path, id string, block bool) string {
	if !block {
		return path
	}
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(path, "device-"+hex.EncodeToString(sum[:16]))
}
