package csi

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"

	"github.com/csikit/csikit/fs"
)

// secretPassphrase is the key of the passphrase among the stage secrets.
const secretPassphrase = "encryptionPassphrase"

// readFormat finds out how the device is to be encrypted and formatted: the
// class says it, and the backend overrides the class.
func (s *staging) readFormat(spec Device) error {
	all := map[string]string{}
	maps.Copy(all, s.carried.Format)
	maps.Copy(all, spec.Format.Options)
	if spec.Format.Encrypt != "" {
		all[optionEncrypt] = spec.Format.Encrypt
	}
	var err error
	if s.encryption, s.mkfs, err = splitFormat(all); err != nil {
		return hostError(err, "volume %s", s.volume.ID)
	}
	return nil
}

// luks is how the volume is encrypted. It depends on nothing but the volume
// where a header or a mapping has to be found again.
func (d *Driver) luks(id string) fs.LUKS { return fs.LUKS{UUID: encryptionUUID(d.name, id)} }

// stageEncrypted opens the encrypted volume on the device and stages its
// content. From there on the content's device takes the place of the device,
// except that the latter is what must be free in the end.
func (s *staging) stageEncrypted(device *fs.Device, spec Device) error {
	l := s.d.luks(s.volume.ID)
	l.Discard, l.SectorSize, l.ReadOnly = s.encryption.Discard, s.encryption.SectorSize, s.volume.Access.Mode.ReadOnly()
	content, err := s.decrypt(device, spec, l)
	if err != nil {
		return err
	}
	spec.ReadsZero = false // what was never written reads as random data
	return errors.Join(s.stageContent(content, spec), content.Close())
}

func (s *staging) closeEncryption(ctx context.Context) error {
	return s.d.closeEncryption(ctx, s.volume.ID)
}

// closeEncryption closes what is open of an encrypted volume: nothing is no
// error. For what a disk that fails has not taken see freeDevice.
func (d *Driver) closeEncryption(ctx context.Context, id string) error {
	err := fs.CloseLUKS(ctx, d.luks(id))
	if errors.Is(err, fs.ErrLost) {
		d.logLost(ctx, id, err)
		return nil
	}
	return hostError(err, "close its encryption")
}

// recordMapping writes down what finds the content of an encryption again.
func recordMapping(content *fs.Device) *recordedDevice {
	r := recordDevice(content, Device{})
	if name, err := content.Sysfs("dm/name"); err == nil {
		r.Path = "/dev/mapper/" + name
	}
	return r
}

func (s *staging) decrypt(device *fs.Device, spec Device, l fs.LUKS) (*fs.Device, error) {
	if s.mounted != nil {
		return s.findDecrypted(device, l)
	}
	passphrase := fs.Passphrase(s.volume.Secrets[secretPassphrase])
	if passphrase == "" {
		return nil, refuse(ErrUnauthenticated, "volume %s is encrypted: the stage secrets must have its passphrase under the key %s", s.volume.ID, secretPassphrase)
	}
	s.record.Encrypted = true
	if err := s.save(); err != nil {
		return nil, err
	}
	s.undo.add("close the encryption of volume "+s.volume.ID, s.closeEncryption)
	if err := s.prepareEncryption(device, spec, l, passphrase); err != nil {
		return nil, err
	}
	content, err := device.OpenLUKS(s.ctx.Op, l, passphrase)
	if err != nil {
		return nil, hostError(err, "volume %s", s.volume.ID)
	}
	s.record.Mapping = recordMapping(content)
	if err := s.save(); err != nil {
		return nil, errors.Join(err, content.Close())
	}
	return content, nil
}

// findDecrypted finds the open volume again that is mounted, and lets it
// follow a device that has grown.
func (s *staging) findDecrypted(device *fs.Device, l fs.LUKS) (*fs.Device, error) {
	content, err := device.FindLUKS(l)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, s.stale("something that does not come from the encrypted volume on device " + majorMinor(device.Number()))
	}
	if err != nil {
		return nil, hostError(err, "volume %s: find its open encryption", s.volume.ID)
	}
	switch found := recordMapping(content); {
	case !s.record.Encrypted: // lost; finish writes it down once it is verified
		s.record.Encrypted, s.record.Mapping = true, found
	case s.volume.Access.Block && !s.record.Mapping.is(found): // the number alone tells little: see compareDevice
		err := s.stale("an encryption that is open anew, by somebody else, as device " + majorMinor(found.Number))
		return nil, errors.Join(err, content.Close())
	}
	if err := device.GrowLUKS(s.ctx.Op, l); err != nil && !errors.Is(err, fs.ErrSetReadOnly) { // then the next writer's publish does it
		return nil, errors.Join(hostError(err, "volume %s: grow its encryption", s.volume.ID), content.Close())
	}
	return content, nil
}

// prepareEncryption makes the header if that is allowed, by the same rules by
// which a file system is made.
func (s *staging) prepareEncryption(device *fs.Device, spec Device, l fs.LUKS, passphrase fs.Passphrase) error {
	id, number := s.volume.ID, majorMinor(device.Number())
	content, err := device.Probe(s.ctx.Op)
	if err != nil {
		return hostError(err, "volume %s: look at the content of device %s", id, number)
	}
	marked, err := s.marked()
	if err != nil {
		return err
	}
	facts := s.formatFacts(content, spec, marked)
	facts.UUID = l.UUID
	encrypt, err := decideEncryption(facts)
	if err != nil || !encrypt {
		return err
	}
	if !s.volume.Access.Block { // before anything is written
		if _, err := s.mkfsFormat(spec); err != nil {
			return err
		}
		if err := s.checkOptions(facts, true); err != nil {
			return err
		}
	}
	s.d.log.InfoContext(s.ctx.Op, "encrypting", "id", id, "device", number, "uuid", l.UUID, "origin", s.carried.Origin, "evidence", content.Evidence)
	if err := device.FormatLUKS(s.ctx.Op, l, passphrase); err != nil {
		return hostError(err, "volume %s: encrypt device %s", id, number)
	}
	if s.volume.Access.Block { // with a file system, the mark is its: see prepare
		return s.mark()
	}
	return nil
}
