package csi

import (
	"context"

	"github.com/csikit/csikit/fs"
)

// noteDevice writes down which device it is, since after an unmount nothing
// else says which one must be free, and makes it read-only if the access mode
// is one of readers (contract ruling 32). Another one that is written down must be
// free before it is forgotten, or it would never be looked at again (R6).
func (s *staging) noteDevice(device *fs.Device, spec Device) error {
	noted := recordDevice(device, spec)
	if was := s.record.Device; was != nil && !was.is(noted) {
		if err := s.d.freeDevice(s.ctx.Op, s.volume.ID, was); err != nil {
			return err
		}
	}
	noted.MadeReadOnly = s.record.Device.is(noted) && s.record.Device.MadeReadOnly
	s.record.Device = noted
	s.undo.add("free device "+majorMinor(noted.Number), func(ctx context.Context) error {
		return s.d.freeDevice(ctx, s.volume.ID, noted)
	})
	if s.volume.Access.Mode.ReadOnly() {
		return s.forbidWrites(device)
	}
	return s.allowWrites(device)
}

// forbidWrites sets the device read-only, having written down that it is this
// driver who does: the kernel keeps the mark when the plugin is killed, and also
// when a loop device gets another file.
func (s *staging) forbidWrites(device *fs.Device) error {
	noted := s.record.Device
	noted.MadeReadOnly = noted.MadeReadOnly || !readOnlyDevice(device)
	if err := s.saveForBoot(); err != nil || !noted.MadeReadOnly {
		return err
	}
	return hostError(device.SetReadOnly(true), "volume %s: set device %s read-only", s.volume.ID, majorMinor(noted.Number))
}

// allowWrites takes back what a staging for readers has left. A device that
// somebody else has set read-only stays so: they may have a reason.
func (s *staging) allowWrites(device *fs.Device) error {
	noted := s.record.Device
	if noted.MadeReadOnly {
		if err := device.SetReadOnly(false); err != nil {
			return hostError(err, "volume %s: make device %s writable again", s.volume.ID, majorMinor(noted.Number))
		}
		noted.MadeReadOnly = false
	}
	if !s.volume.ReadOnly && readOnlyDevice(device) {
		return refuse(ErrInUse, "volume %s: its device %s is read-only, and it is not this driver that has set it so; if nobody has a reason for that: blockdev --setrw %s",
			s.volume.ID, majorMinor(noted.Number), noted.Path)
	}
	return s.saveForBoot()
}

// readOnlyDevice reports whether the kernel refuses writes to the device. If it
// does not tell, a write will.
func readOnlyDevice(device *fs.Device) bool {
	readOnly, err := device.ReadOnly()
	return err == nil && readOnly
}
