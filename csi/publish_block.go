package csi

import (
	"errors"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/fs"
)

// guardDevice makes the kernel refuse writes to a raw device while it is
// published readonly: a read-only bind of a device node keeps nobody from
// writing to the device. It is taken back by the next publish for writing, or
// when the volume is unstaged; refuseOtherTargets has seen to it that nobody
// uses the device otherwise, and publishes of raw devices take turns.
func (p *publication) guardDevice(record *volumeRecord, device *fs.Device) error {
	noted := record.content()
	switch {
	case !p.volume.ReadOnly && record.Volume.ReadOnly:
		return refuse(ErrInUse, "volume %s is staged for reading only (%s): it cannot be published for writing", p.volume.ID, record.Volume.Access.Mode)
	case p.volume.ReadOnly == readOnlyDevice(device):
		return nil
	case p.volume.ReadOnly:
		noted.MadeReadOnly = true
		err := p.d.volumeStore().SaveForBoot(nodestate.Key{Volume: p.volume.ID}, *record)
		if err == nil {
			// What an earlier writer has left in memory goes to the device first.
			err = errors.Join(device.File().Sync(), device.SetReadOnly(true))
		}
		return hostError(err, "volume %s: set device %s read-only", p.volume.ID, majorMinor(noted.Number))
	case !noted.MadeReadOnly:
		return refuse(ErrInUse, "volume %s: its device %s is read-only, and it is not this driver that has set it so; if nobody has a reason for that: blockdev --setrw %s",
			p.volume.ID, majorMinor(noted.Number), noted.Path)
	}
	if err := device.SetReadOnly(false); err != nil {
		return hostError(err, "volume %s: make device %s writable again", p.volume.ID, majorMinor(noted.Number))
	}
	if readOnlyDevice(device) {
		return refuse(ErrInUse, "volume %s: device %s stays read-only: unstage the volume first", p.volume.ID, majorMinor(noted.Number))
	}
	noted.MadeReadOnly = false
	return p.d.volumeStore().SaveForBoot(nodestate.Key{Volume: p.volume.ID}, *record)
}

// refuseUnguarded refuses to publish a raw device readonly of which nothing is
// written down, unless it is read-only already: nobody would make it writable
// again.
func (p *publication) refuseUnguarded() error {
	if !p.volume.Access.Block || !p.volume.ReadOnly {
		return nil
	}
	if flag, err := sysfs(p.info.Rdev, "ro"); err == nil && flag == "1" {
		return nil
	}
	return refuse(ErrInUse, "volume %s: device %s can be written, and what was known about it is lost, so it cannot be published readonly: unstage and stage it first",
		p.volume.ID, majorMinor(p.info.Rdev))
}
