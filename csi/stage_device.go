package csi

import (
	"errors"
	"os"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// stageDevice stages a block device. Its file stays open, and with it the
// device the same, from the proof to the verified mount, under its lock: an old
// and a new process of this plugin never work on one device at once (R2).
func (s *staging) stageDevice(spec Device) error {
	if err := s.refuseDevice(spec); err != nil {
		return err
	}
	device, err := s.d.pin(s.ctx.Wait, s.volume.ID, spec)
	if err != nil {
		return err
	}
	err = device.Lock(s.ctx.Op)
	if err == nil {
		err = s.stagePinned(device, spec)
	}
	return errors.Join(err, device.Close())
}

// refuseDevice refuses what no block device can be (contract ruling 3).
func (s *staging) refuseDevice(spec Device) error {
	mode := s.volume.Access.Mode
	switch {
	case s.d.features.traits.PerPod:
		return refuse(ErrInUse, "volume %s: a driver whose volumes are not staged must locate shares, not device %s", s.volume.ID, spec.Path)
	case s.d.features.traits.MountGroup:
		return refuse(ErrInUse, "volume %s: a driver with Traits.MountGroup must locate shares, not device %s: the kubelet leaves its fsGroup to the driver, and file systems on devices take no group", s.volume.ID, spec.Path)
	case !s.volume.Access.Block && (mode == MultiNodeMultiWriter || mode == MultiNodeSingleWriter):
		return refuse(ErrInUse, "volume %s: a file system on a block device cannot be used with %s: nodes would destroy each other's data; use a raw device", s.volume.ID, mode)
	}
	return s.readFormat(spec)
}

func (s *staging) stagePinned(device *fs.Device, spec Device) error {
	s.proveAgain = func() error { return s.d.prove(s.ctx.Wait, s.volume.ID, device, spec) }
	switch {
	case s.mounted == nil:
		if err := s.noteDevice(device, spec); err != nil {
			return err
		}
	case s.record.Device == nil: // lost; finish writes it down once it is verified
		s.record.Device = recordDevice(device, spec)
		s.record.Device.MadeReadOnly = s.volume.Access.Mode.ReadOnly() && readOnlyDevice(device)
	default:
		if err := s.compareDevice(device, spec); err != nil {
			return err
		}
	}
	if s.encryption.Kind != "" {
		return s.stageEncrypted(device, spec)
	}
	return s.stageContent(device, spec)
}

// stageContent stages what the CO is to see: the device, or the content of the
// encryption on it.
func (s *staging) stageContent(device *fs.Device, spec Device) error {
	if s.volume.Access.Block {
		return s.stageBlock(device)
	}
	return s.stageFilesystem(device, spec)
}

// stageFilesystem mounts the file system of the device, which it makes first
// if that is allowed.
func (s *staging) stageFilesystem(device *fs.Device, spec Device) error {
	if s.mounted == nil {
		if err := s.mountDevice(device, spec); err != nil {
			return err
		}
	}
	if err := s.finish(func(i mount.Info) error { return s.verifyFilesystem(i, device, spec) }); err != nil {
		return err
	}
	if s.volume.ReadOnly {
		return nil
	}
	return s.growMounted(device)
}

// growMounted grows the file system if the device has grown. One that has been
// mounted before, or is elsewhere, and may not be grown now, is used as it is.
func (s *staging) growMounted(device *fs.Device) error {
	err := s.d.grow(s.ctx.Op, s.volume.ID, s.path, device)
	if (s.mounted != nil || s.living != nil) && errors.Is(err, os.ErrPermission) {
		s.d.log.WarnContext(s.ctx.Op, "the file system has not been grown", "id", s.volume.ID, "error", err)
		return nil
	}
	return err
}

func (s *staging) mountDevice(device *fs.Device, spec Device) error {
	if s.living != nil {
		return s.mountLiving(device, spec)
	}
	content, err := s.prepare(device, spec)
	if err != nil {
		return err
	}
	s.uuid = content.UUID
	s.undoMount()
	err = s.d.opts.Mounts.Mount(s.ctx.Op, mount.Mount{
		Type: content.Type, Device: device.File(), ReadOnly: s.volume.ReadOnly,
		Options: readOnlyOptions(content.Type, s.volume),
	}, s.path)
	return hostError(err, "volume %s: mount its %s file system", s.volume.ID, content.Type)
}

// readOnlyOptions adds the option that keeps a reader from replaying the
// journal, if the access mode is one of readers: two nodes would do it at once
// (contract ruling 32).
func readOnlyOptions(fstype string, v NodeVolume) []Option {
	options := v.Access.Options
	if !v.Access.Mode.ReadOnly() {
		return options
	}
	key := map[string]string{"ext3": "noload", "ext4": "noload", "xfs": "norecovery"}[fstype]
	if key == "" {
		return options
	}
	return append(options[:len(options):len(options)], Option{Key: key})
}

// verifyFilesystem compares what is mounted with the device (R3, R4). btrfs
// shows a device number of its own; package mount has compared its device when
// it was mounted, and the record holds both numbers since.
func (s *staging) verifyFilesystem(i mount.Info, device *fs.Device, spec Device) error {
	if err := stacked(s.volume.ID, s.mountPoint(), i); err != nil {
		return err
	}
	asked, noted := s.asked(spec), s.record.content()
	switch {
	case i.Dead != nil:
		return s.differs("a file system that does not work: " + i.Dead.Error())
	case brokenOption(i) != "":
		return s.differs("a file system that the kernel has stopped after errors (" + brokenOption(i) + "): look at dmesg")
	case noted.Number != device.Number():
		return s.differs("device " + majorMinor(noted.Number) + ", not " + majorMinor(device.Number()))
	case !s.record.Mount.is(i) && deviceOf(i) != device.Number():
		return s.differs("device " + majorMinor(deviceOf(i)) + ", not " + majorMinor(device.Number()))
	case i.Root != "/":
		return s.differs("only the directory " + i.Root + " of it")
	case i.ReadOnly != s.volume.ReadOnly || i.SuperReadOnly != s.volume.ReadOnly:
		return s.differs("a mount whose being read-only differs: an error of the file system, or another request, changed it")
	case asked != "" && i.Type != asked:
		return s.differs("a file system " + i.Type + ", not " + asked)
	}
	if what := without(i, s.volume.Access.Options); what != "" {
		return s.differs(what)
	}
	return nil
}

// differs is the error if something else is mounted than was asked for. If it
// was there before this call, another request has put it there: the spec's
// ALREADY_EXISTS.
func (s *staging) differs(have string) error {
	if s.mounted == nil {
		return refuse(ErrInUse, "volume %s: after mounting, %s has %s", s.volume.ID, s.mountPoint(), have)
	}
	return refuse(ErrExists, "volume %s: %s has mounted %s; unstage it first", s.volume.ID, s.mountPoint(), have)
}
