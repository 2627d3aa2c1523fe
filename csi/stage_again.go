package csi

import (
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/csi/internal/redact"
	"github.com/csikit/csikit/mount"
)

// stagedOtherwise refuses a volume that is staged at another path, or at this
// one as the other of file system and raw device.
func (s *staging) stagedOtherwise(prior *volumeRecord) error {
	if !prior.thisBoot() {
		return nil
	}
	point := stagePoint(prior.Path, s.volume.ID, prior.Volume.Access.Block)
	if point == s.mountPoint() {
		return nil
	}
	_, err := s.d.opts.Mounts.Find(point)
	switch {
	case errors.Is(err, mount.ErrNotMounted):
		return nil
	case err != nil:
		return hostError(err, "volume %s: look at %s, where it was staged", s.volume.ID, point)
	case prior.Path != s.path:
		return refuse(ErrInUse, "volume %s is staged at %s: unstage it there first", s.volume.ID, prior.Path)
	}
	return refuse(ErrExists, "volume %s is staged at %s as %s", s.volume.ID, s.path, accessType(prior.Volume.Access))
}

// words are options as messages show them: those of an earlier request may hold
// a password, too.
func words(options []Option) string {
	if len(options) == 0 {
		return "none"
	}
	var list []string
	for _, o := range options {
		list = append(list, redact.MountFlag(o.String()))
	}
	return strings.Join(list, " ")
}

func accessType(a Access) string {
	if a.Block {
		return "a raw device"
	}
	return "a file system"
}

// beginAgain compares the request with the one that the volume was staged
// for. Of what is there only the rest of an attempt is undone: staging it has
// never succeeded then, and a final error says that nothing exists.
func (s *staging) beginAgain(prior *volumeRecord) error {
	if err := s.refuseForeign(prior); err != nil {
		return err
	}
	if s.leftShare(prior) {
		if err := s.d.opts.Mounts.Unmount(s.ctx.Op, s.mountPoint()); err != nil {
			return hostError(err, "volume %s: unmount the share that an earlier attempt has left", s.volume.ID)
		}
		s.mounted = nil
		return s.beginFresh(prior)
	}
	if !prior.thisBoot() { // lost: what is mounted is compared with what Locate says, and written down if it is that
		s.record = volumeRecord{Phase: phaseStaging, Boot: nodestate.BootID(), Path: s.path, Volume: recordVolume(s.volume)}
		s.lost = true
		return nil
	}
	s.record = *prior
	if s.unfinished(prior) {
		s.undoPrior(prior)
		if s.volume.Access.Block {
			s.undoPlaceholder()
		}
		s.undoMount()
	}
	if what := incompatible(prior.Volume.Access, s.volume.Access); what != "" {
		return refuse(ErrExists, "volume %s is staged at %s with another %s", s.volume.ID, s.path, what)
	}
	return nil
}

// refuseForeign refuses a path where another volume is staged, before Locate
// attaches anything.
func (s *staging) refuseForeign(prior *volumeRecord) error {
	if prior.thisBoot() && prior.Mount != nil {
		return nil
	}
	owner, err := s.d.ownerOf(s.volume.ID, s.mountPoint())
	if err != nil || owner == "" {
		return err
	}
	if prior.thisBoot() {
		s.record = *prior
		s.undoPrior(prior)
	}
	return refuse(ErrExists, "volume %s: volume %s is staged at %s; unstage that one first", s.volume.ID, owner, s.mountPoint())
}

// leftShare reports whether what is mounted is the share that an attempt has left
// which did not end: nothing was there when that began. It is mounted anew, since
// a share that its backend has mounted does not tell whose it is.
func (s *staging) leftShare(prior *volumeRecord) bool {
	return prior.thisBoot() && prior.Path == s.path && prior.Shared && prior.Mount == nil &&
		(prior.Phase == phaseStaging || prior.Phase == phaseReviving)
}

// unfinished reports whether what is mounted is proven to be what an attempt to
// stage the device has left, and no pod uses it.
func (s *staging) unfinished(prior *volumeRecord) bool {
	content := prior.content()
	if prior.Phase != phaseStaging || prior.Path != s.path || content == nil || deviceOf(*s.mounted) != content.Number {
		return false
	}
	targets, err := s.d.publishedTargets(s.volume.ID)
	return err == nil && len(targets) == 0
}

// incompatible names what keeps a volume that was staged for have from being
// used as want; "" if nothing does. Modes differ only in what the CO promises,
// except for whether anybody writes. The file system is compared with what is
// mounted.
func incompatible(have, want Access) string {
	switch {
	case have.Mode.ReadOnly() != want.Mode.ReadOnly():
		return "access mode: " + have.Mode.String() + ", not " + want.Mode.String()
	case have.Group != want.Group:
		return "volume_mount_group: " + have.Group
	case !slices.Equal(have.Options, concealed(want.Options)):
		return "set of mount_flags: " + words(have.Options) + ", not " + words(want.Options)
	case have.FSType != want.FSType && have.FSType != "" && want.FSType != "":
		return "fs_type: " + have.FSType + ", not " + want.FSType
	}
	return ""
}

// gone reports whether a dead mount will stay dead: the daemon of a FUSE file
// system has ended, or a server has lost the share.
func gone(dead error) bool {
	return errors.Is(dead, syscall.ENOTCONN) || errors.Is(dead, syscall.ESTALE)
}
