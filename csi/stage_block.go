package csi

import (
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// stageBlock binds the pinned device itself, not a path of it, to a file in
// the staging directory (R17).
//
// The device that it is, or that an encryption on it is open on, is proven once
// more after the bind: a disk can be pulled out at any moment. That no other
// process of the driver releases it from here on is for the locks: see
// operateOnNode.
func (s *staging) stageBlock(device *fs.Device) error {
	if s.mounted == nil {
		if err := s.bindDevice(device); err != nil {
			return err
		}
		if err := s.proveAgain(); err != nil {
			return err
		}
	}
	return s.finish(func(i mount.Info) error {
		switch err := stacked(s.volume.ID, s.mountPoint(), i); {
		case err != nil:
			return err
		case i.Rdev != device.Number():
			return s.stale("device " + majorMinor(i.Rdev) + ", not " + majorMinor(device.Number()))
		case i.ReadOnly != s.volume.ReadOnly:
			return s.differs("a mount whose being read-only differs")
		}
		return nil
	})
}

func (s *staging) bindDevice(device *fs.Device) error {
	point := s.mountPoint()
	s.undoPlaceholder()
	if err := mount.MakeFile(point); err != nil {
		return hostError(err, "volume %s: make the file that its device is bound to", s.volume.ID)
	}
	s.undoMount()
	err := s.d.opts.Mounts.Bind(s.ctx.Op, mount.Binding{Source: device.Path(), Target: point, ReadOnly: s.volume.ReadOnly})
	return hostError(err, "volume %s: bind device %s to %s", s.volume.ID, majorMinor(device.Number()), point)
}
