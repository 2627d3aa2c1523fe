package csi

import (
	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// A volume cannot be unstaged while a process in a mount namespace of its own has
// a copy of its staging mount: the file system is alive and holds the device (R6).
// It can be staged again meanwhile, if what is alive is proven to be what this
// driver has staged, in the way that is asked for now. Then that file system is
// mounted once more. Nothing is formatted or checked, and it grows only as a
// mounted one does. See docs/decisions/008.

// notAgain says why what a record tells of cannot be mounted once more; "" if it
// can. Everything that a request decides must be as it was, since the options of a
// file system that is alive are those that it was mounted with first.
func (s *staging) notAgain(prior *volumeRecord) string {
	switch {
	case !prior.thisBoot() || prior.Device == nil || prior.Mount == nil:
		return "it is not known which file system is in use"
	case !prior.Device.fenced():
		return "another node may have written to the volume since: its backend does not exclude that, or this kernel does not number its disks"
	case prior.Mount.Superblock == 0 || prior.Mount.UUID == "":
		return "it is not known which file system is in use"
	case prior.Encrypted || prior.Volume.Access.Block || s.volume.Access.Block:
		return "that is possible only with a file system without encryption"
	case prior.Path != s.path:
		return "it was staged at " + prior.Path
	}
	if what := incompatible(prior.Volume.Access, s.volume.Access); what != "" {
		return "it was staged with another " + what
	}
	if !prior.alive(prior.Device.Number) {
		return "what is in use is not the file system that was staged"
	}
	return ""
}

// alive reports whether the file system that was mounted is alive on the device
// with this number: that one, and not another that was mounted since.
func (r *volumeRecord) alive(number uint64) bool {
	id, err := fs.Superblock(number, r.Mount.Type)
	return err == nil && id == r.Mount.Superblock
}

// mountLiving mounts the file system that is alive once more. None of its refusals
// is final: each passes when what holds the device ends.
func (s *staging) mountLiving(device *fs.Device, spec Device) error {
	id, was := s.volume.ID, s.living
	if !spec.Fenced || !was.Device.is(recordDevice(device, spec)) {
		return refuse(ErrPending, "volume %s: its device is %s, and its file system is in use on device %s, which is another one or may have been on another node since",
			id, majorMinor(device.Number()), majorMinor(was.Device.Number))
	}
	content, err := device.Probe(s.ctx.Op)
	if err != nil {
		return hostError(err, "volume %s: look at the content of device %s", id, majorMinor(device.Number()))
	}
	if content.State != fs.Known || content.Type != was.Mount.Type || content.UUID != was.Mount.UUID {
		return refuse(ErrPending, "volume %s: its file system %s %s is in use, but the device holds %v: whoever wrote that has destroyed it", id, was.Mount.Type, was.Mount.UUID, content)
	}
	if errs := ext4Errors(mount.Info{Type: content.Type}, device.Number()); errs != "" && errs != "0" {
		return refuse(ErrPending, "volume %s: ext4 has seen %s errors and must be checked, which has to wait until nothing has it mounted any more: look at dmesg", id, errs)
	}
	s.uuid = content.UUID
	s.undoMount()
	err = s.d.opts.Mounts.Mount(s.ctx.Op, mount.Mount{
		Type: content.Type, Device: device.File(), ReadOnly: s.volume.ReadOnly,
		Options: readOnlyOptions(content.Type, s.volume),
		Living: func() error {
			if was.alive(device.Number()) {
				return nil
			}
			return refuse(ErrPending, "the file system that was staged has just ended: try again")
		},
	}, s.path)
	if err != nil {
		return hostError(err, "volume %s: mount its %s file system once more, which is in use elsewhere", id, content.Type)
	}
	s.d.log.WarnContext(s.ctx.Op, "the file system was alive since the volume was staged before, held by something in another mount namespace; it has been mounted once more",
		"id", id, "device", majorMinor(device.Number()), "fstype", content.Type, "uuid", content.UUID)
	return nil
}

// fenced reports whether it can be told that no other node has written to the
// device.
func (r *recordedDevice) fenced() bool { return r.Fenced && r.Sequence != "" }

// recordMount writes down what is mounted, and which file system that is if it may
// be mounted once more.
func (s *staging) recordMount(info mount.Info) *recordedMount {
	r := recordMount(info)
	if s.uuid == "" || s.record.Encrypted || s.record.Device == nil || !s.record.Device.fenced() {
		return r
	}
	if id, err := fs.Superblock(s.record.Device.Number, info.Type); err == nil && id != 0 {
		r.Superblock, r.UUID = id, s.uuid
	}
	return r
}
