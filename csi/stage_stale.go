package csi

import (
	"slices"
	"strings"

	"github.com/csikit/csikit/fs"
)

// A staleBind is the error that the staging path of a raw device has another
// device than the volume's, or one that has gone. A bind of a device node holds
// nothing: the node stays when its device has gone, and means whichever device
// gets its number next (R17).
type staleBind struct{ error }

// Unwrap makes it the refusal that it is where it is not mended.
func (s *staleBind) Unwrap() error { return s.error }

// stale is the error that a raw device has something else bound at its staging
// path: a [*staleBind] if it was staged for a request like this one.
func (s *staging) stale(have string) error {
	err := s.differs(have)
	if s.mounted == nil || s.mounted.Rdev == 0 || !s.volume.Access.Block || s.record.Encrypted != (s.encryption.Kind != "") {
		return err
	}
	return &staleBind{err}
}

// compareDevice compares the device with the one that was staged. The number
// alone tells little: it is given away again.
func (s *staging) compareDevice(device *fs.Device, spec Device) error {
	noted := s.record.Device
	if !s.volume.Access.Block || noted.is(recordDevice(device, spec)) {
		return nil
	}
	return s.stale("device " + majorMinor(noted.Number) + " as it was when it was staged, which has gone or is not the volume's any more")
}

// replaceStale unstages a stale bind, as the CO would have to, so that the
// volume can be staged anew. What is published from it is never touched: the
// targets that are written down are looked at, and so is the mount table. Where
// the record was lost, too little is known.
func (s *staging) replaceStale(stale *staleBind) error {
	record, err := s.d.loadVolume(s.key)
	if err != nil {
		return err
	}
	if !record.thisBoot() || record.Device == nil || record.Path != s.path || s.key.Target != "" {
		return stale.error
	}
	users, err := s.usersOfBind()
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return refuse(ErrExists, "%w, after it has been unpublished at %s", stale.error, strings.Join(users, ", "))
	}
	s.d.log.WarnContext(s.ctx.Op, "a raw device is unstaged, to be staged anew: nothing is published from it", "id", s.volume.ID, "reason", stale.Error())
	u := &unstaging{d: s.d, ctx: s.ctx, key: s.key, path: s.path}
	if err := u.run(); err != nil {
		return err
	}
	s.mounted = nil
	return nil
}

// usersOfBind lists the targets of the volume, and other mounts of the device
// node that are bound at the staging path, unless they are written down as
// another volume's: that can have the number of a device which has gone.
func (s *staging) usersOfBind() ([]string, error) {
	targets, err := s.d.publishedTargets(s.volume.ID)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, t := range targets {
		users = append(users, t.Target)
	}
	others, err := s.d.opts.Mounts.Others(*s.mounted)
	if err != nil {
		return nil, hostError(err, "volume %s: look for mounts of what is staged at %s", s.volume.ID, s.path)
	}
	for _, point := range others {
		foreign, err := s.d.claimed(s.volume.ID, point)
		if err != nil {
			return nil, err
		}
		if !foreign && !slices.Contains(users, point) {
			users = append(users, point)
		}
	}
	return users, nil
}
