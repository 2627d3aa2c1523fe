package csi

import (
	"context"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// prepare makes the content of the device fit to be mounted: it decides what
// to do with what is there, formats if that is the decision, checks, and grows
// what can only grow unmounted.
func (s *staging) prepare(device *fs.Device, spec Device) (fs.Content, error) {
	content, err := device.Probe(s.ctx.Op)
	if err != nil {
		return content, hostError(err, "volume %s: look at the content of device %s", s.volume.ID, majorMinor(device.Number()))
	}
	marked, err := s.marked()
	if err != nil {
		return content, err
	}
	facts := s.formatFacts(content, spec, marked)
	format, err := decideFormat(facts)
	if err != nil {
		return content, err
	}
	if err := s.checkOptions(facts, format); err != nil {
		return content, err
	}
	if format {
		if content, err = s.format(device, spec, content); err != nil {
			return content, err
		}
	}
	if s.volume.ReadOnly {
		return content, nil
	}
	if !marked {
		if err := s.mark(); err != nil {
			return content, err
		}
	}
	if format {
		return content, nil // nobody has written to it yet, and it has the size of the device
	}
	return s.repair(device, content)
}

// checkOptions refuses mount options before anything is written.
func (s *staging) checkOptions(f formatFacts, format bool) error {
	fstype := f.Content.Type
	if format {
		fstype = f.want()
	}
	return hostError(mount.CheckOptions(fstype, s.volume.Access.Options), "volume %s", s.volume.ID)
}

func (s *staging) formatFacts(content fs.Content, spec Device, marked bool) formatFacts {
	return formatFacts{
		ID: s.volume.ID, Content: content,
		Asked: s.asked(spec), Default: s.d.opts.DefaultFSType, UUID: formatUUID(s.d.name, s.volume.ID),
		Carried: s.carried, Ephemeral: s.volume.Ephemeral, FormatStatic: s.d.opts.FormatStatic,
		Blank: spec.Blank, NeverFormat: spec.NeverFormat, ReadOnly: s.volume.ReadOnly, Marked: marked,
	}
}

// asked is the file system that is required, "" if any will do.
func (s *staging) asked(spec Device) string {
	if spec.Format.FSType != "" {
		return spec.Format.FSType
	}
	return s.volume.Access.FSType
}

// mkfsFormat is the file system to make, and an error if it cannot be made.
func (s *staging) mkfsFormat(spec Device) (fs.Format, error) {
	facts := s.formatFacts(fs.Content{}, spec, false)
	how := fs.Format{Type: facts.want(), UUID: facts.UUID, Options: s.mkfs, ReadsZero: spec.ReadsZero}
	return how, hostError(fs.CheckFormat(how), "volume %s: format it as %s", s.volume.ID, how.Type)
}

// format makes the file system. Whatever package fs finds that is not proven
// empty it refuses by itself.
func (s *staging) format(device *fs.Device, spec Device, found fs.Content) (fs.Content, error) {
	how, err := s.mkfsFormat(spec)
	if err != nil {
		return found, err
	}
	s.d.log.InfoContext(s.ctx.Op, "formatting", "id", s.volume.ID, "device", majorMinor(device.Number()), "fstype", how.Type,
		"uuid", how.UUID, "options", how.Options, "origin", s.carried.Origin, "evidence", found.Evidence)
	if err := device.Format(s.ctx.Op, how); err != nil {
		return found, hostError(err, "volume %s: format device %s as %s", s.volume.ID, majorMinor(device.Number()), how.Type)
	}
	return fs.Content{State: fs.Known, Type: how.Type, UUID: how.UUID, Clean: true}, nil // Format has looked
}

// repair checks the file system if it needs it. Where ext4 may not be grown
// when it is mounted, it is grown now.
func (s *staging) repair(device *fs.Device, content fs.Content) (fs.Content, error) {
	id, number := s.volume.ID, majorMinor(device.Number())
	if content.NeedsCheck {
		s.d.log.InfoContext(s.ctx.Op, "checking the file system", "id", id, "device", number, "fstype", content.Type, "evidence", content.Evidence)
	}
	if err := device.Check(s.ctx.Op, content); err != nil {
		return content, hostError(err, "volume %s: check its %s file system", id, content.Type)
	}
	if mayGrowOnline() {
		return content, nil
	}
	growth, err := device.GrowOffline(s.ctx.Op, content)
	if err != nil {
		return content, hostError(err, "volume %s: grow its %s file system", id, content.Type)
	}
	s.d.logGrowth(s.ctx.Op, id, device, growth)
	return content, nil
}

// marked asks for the mark that says that the volume was formatted once.
func (s *staging) marked() (bool, error) {
	recorder := s.d.features.recorder
	if recorder == nil {
		return false, nil
	}
	return call(s.ctx.Wait, s.d, "Formatted", s.volume.ID, func(ctx context.Context) (bool, error) {
		return recorder.Formatted(ctx, s.volume)
	})
}

// mark sets the mark. It also marks what was formatted by others, or by an
// attempt that did not get this far: there is data that must not be replaced.
func (s *staging) mark() error {
	recorder := s.d.features.recorder
	if recorder == nil {
		return nil
	}
	return do(s.ctx.Op, s.d, "MarkFormatted", s.volume.ID, func(ctx context.Context) error {
		return recorder.MarkFormatted(ctx, s.volume)
	})
}
