package csi

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// phase is how far a volume has come on this node.
type phase string

const (
	phaseStaging phase = "staging"
	phaseStaged  phase = "staged"
	// phaseReviving: a dead share was taken away and is being mounted again.
	phaseReviving  phase = "reviving"
	phaseUnstaging phase = "unstaging"
)

// A volumeRecord is what is written down about a staged volume (contract
// ruling 25), before Locate is called and until Release has returned. It is a
// hint: what it says about mounts and devices is checked with the kernel.
type volumeRecord struct {
	Phase phase `json:"phase"`
	// Boot is the boot that Device and Mount belong to.
	Boot string `json:"boot"`
	// Path is the staging path.
	Path string `json:"path"`
	// Volume is what Locate got, without secrets: Release gets it.
	Volume recordedVolume `json:"volume"`
	// Device is set once a device has been opened and proven.
	Device *recordedDevice `json:"device,omitempty"`
	// Encrypted says that an encryption may be open on Device; Mapping is the
	// device of its content, once there is one.
	Encrypted bool            `json:"encrypted,omitempty"`
	Mapping   *recordedDevice `json:"mapping,omitempty"`
	// Shared says that a share is about to be mounted, and Share is its source.
	Shared bool   `json:"shared,omitempty"`
	Share  string `json:"share,omitempty"`
	// Mount is set once something is mounted and verified.
	Mount *recordedMount `json:"mount,omitempty"`
}

// content is the device that is mounted or bound.
func (r *volumeRecord) content() *recordedDevice {
	if r.Mapping != nil {
		return r.Mapping
	}
	return r.Device
}

// A recordedDevice identifies a block device within one boot.
type recordedDevice struct {
	Number uint64 `json:"number"` // st_rdev
	Path   string `json:"path"`   // where it was found; only a hint for opening it
	// Sequence is the kernel's diskseq, which is never used twice in a
	// boot; "" for old kernels.
	Sequence string `json:"sequence,omitempty"`
	// Sysfs is what the backend promised about it.
	Sysfs map[string]string `json:"sysfs,omitempty"`
	// Fenced is what the backend has promised of it.
	Fenced bool `json:"fenced,omitempty"`
	// MadeReadOnly says that staging set the device read-only.
	MadeReadOnly bool `json:"madeReadOnly,omitempty"`
}

// A recordedMount is a mount as it was found when it had been made.
type recordedMount struct {
	Device   uint64 `json:"device,omitempty"`
	Rdev     uint64 `json:"rdev,omitempty"`
	Root     string `json:"root"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	// Type is that of the file system, "" for a raw device.
	Type string `json:"type,omitempty"`
	// Superblock is [fs.Superblock] of a file system that is not encrypted, and
	// UUID was its id when it was mounted; 0 and "" where that is not known.
	Superblock uint64 `json:"superblock,omitempty"`
	UUID       string `json:"uuid,omitempty"`
}

func recordMount(i mount.Info) *recordedMount {
	r := &recordedMount{Device: i.Device, Rdev: i.Rdev, Root: i.Root, ReadOnly: i.ReadOnly}
	if i.Rdev == 0 {
		r.Type = i.Type
	}
	return r
}

// is reports whether the mount that is there is the one that was recorded.
func (m *recordedMount) is(i mount.Info) bool {
	return m != nil && m.Device == i.Device && m.Rdev == i.Rdev && m.Root == i.Root
}

// thisBoot reports whether what the record says about mounts and devices can
// still be true.
func (r *volumeRecord) thisBoot() bool { return r != nil && r.Boot == nodestate.BootID() }

// reviving reports whether the volume is a staged share whose mount was taken
// away because it was dead.
func (r *volumeRecord) reviving() bool { return r.thisBoot() && r.Phase == phaseReviving }

// notNoted is the error that something was not done because it cannot be written
// down first: nobody could go on from there after a kill.
func notNoted(id string, err error) error {
	return hostError(err, "volume %s: not done, since it cannot be written down in the state directory (is its disk full or read-only?)", id)
}

// outdated says in the log that a record does not say any more how things are.
// It keeps no volume on a node: what it says is checked with the kernel.
func (d *Driver) outdated(ctx context.Context, id string, err error) {
	if err != nil {
		d.log.WarnContext(ctx, "what is written down about a volume is out of date", "id", id, "error", err)
	}
}

// volumeStore is where the records of staged volumes are.
func (d *Driver) volumeStore() nodestate.Store[volumeRecord] {
	return nodestate.In[volumeRecord](filepath.Join(d.opts.StateDir, "volumes"))
}

// loadVolume returns the record of a volume; nil if there is none or if it is
// damaged, which is the same as lost.
func (d *Driver) loadVolume(k nodestate.Key) (*volumeRecord, error) {
	r, err := d.volumeStore().Load(k)
	if errors.Is(err, nodestate.ErrDamaged) {
		d.log.Warn("what was known about a staged volume is lost", "id", k.Volume, "error", err)
		return nil, nil
	}
	return r, err
}
