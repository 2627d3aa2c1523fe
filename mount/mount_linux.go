package mount

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Mount makes a mount; see [Table].
//
// A device is mounted out of sight, proven to be m.Device, and only then
// attached; a kill in between leaves nothing. xfs gets nouuid, since clones
// and restored snapshots have the UUID of their origin (R12). SELinux
// contexts that are not in effect afterwards make Mount fail and undo the
// mount (R16). Shares are mounted by mount(8) in a child that is killed when
// ctx ends; see [Mount.Options] for secrets. Options for /etc/fstab are
// dropped, "ro" is as good as m.ReadOnly.
func (k *Kernel) Mount(ctx context.Context, m Mount, target string) error {
	target = filepath.Clean(target)
	err := k.mount(ctx, m, target)
	if err != nil {
		return fmt.Errorf("mount %s (%s) at %s: %w", m.sourceName(), typeName(m.Type), target, err)
	}
	return nil
}

func (m Mount) sourceName() string {
	if m.Device != nil {
		return m.Device.Name()
	}
	return m.Source
}

func (k *Kernel) mount(ctx context.Context, m Mount, target string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var err error
	if m.Options, err = cleanOptions(m.Options); err != nil {
		return err
	}
	if m.Type == "bind" {
		return k.bind(ctx, Binding{Source: m.Source, Target: target, ReadOnly: m.ReadOnly, Options: m.Options})
	}
	p, err := k.openPlace(target)
	if err != nil {
		return err
	}
	defer p.close()
	if !p.isDir {
		return errors.New("the target is not a directory")
	}
	if m.Device == nil && !inKernel(m.Type) {
		err = k.mountShare(ctx, m, p)
	} else {
		err = k.mountLocal(ctx, m, p)
	}
	if err != nil {
		return err
	}
	return k.checkContexts(ctx, m.Options, target)
}

func (k *Kernel) mountLocal(ctx context.Context, m Mount, p *place) error {
	plan, err := m.plan()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(m.Device) // the plan holds its number only
	if k.Features().NewMount && !m.contextsByMount2() {
		return k.mountNew(ctx, m, plan, p)
	}
	return k.mountOld(ctx, m, plan, p)
}

// inKernel says that a file system without a device has no server that could
// keep a mount from ending: no child is needed to mount it.
func inKernel(fsType string) bool { return fsType == "tmpfs" || fsType == "ramfs" }

// plan is what Mount asks of the kernel.
type plan struct {
	source string
	number uint64 // of the device; 0 without one
	attrs  attrs  // of the mount
	super  []Option
}

func (m Mount) plan() (p plan, err error) {
	var readOnly bool
	p.attrs, p.super, readOnly = takeAttrs(m.Options)
	if m.ReadOnly || readOnly {
		p.attrs.set |= unix.MOUNT_ATTR_RDONLY
		p.super = append(p.super, Option{Key: "ro"})
	}
	if m.Living != nil && m.Type == "btrfs" {
		p.super = append(p.super, Option{Key: "ro"}) // else btrfs makes one that is read-only writable
	}
	if m.Type == "xfs" && !slices.ContainsFunc(p.super, func(o Option) bool { return o.Key == "nouuid" }) {
		p.super = append(p.super, Option{Key: "nouuid"})
	}
	p.source = m.Source
	if m.Device != nil {
		if p.number, err = deviceNumber(m.Device); err == nil {
			p.source = devicePath(m.Device, p.number)
		}
	}
	return p, err
}

// mountNew mounts by fsopen(2), fsconfig(2), fsmount(2) and move_mount(2).
func (k *Kernel) mountNew(ctx context.Context, m Mount, plan plan, p *place) error {
	fs, err := openContext(m.Type)
	if err != nil {
		return err
	}
	defer fs.close()
	if err := fs.configure(plan); err != nil {
		return err
	}
	if err := k.create(fs, m); err != nil {
		return err
	}
	fd, err := unix.Fsmount(fs.fd, unix.FSMOUNT_CLOEXEC, int(plan.attrs.set))
	if err != nil {
		return fs.explain("fsmount", err)
	}
	mount := &detached{fd: fd}
	defer mount.close()
	if m.Living != nil {
		if err := m.proveLiving(mount.fd); err != nil {
			return err
		}
	}
	if m.Device != nil {
		if err := sameDevice(mount.fd, m.Type, plan.number); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	crashpoint.Step("mount.attach")
	return k.attach(mount, p)
}

// create makes the superblock, which must be a new one: options and read-only
// state of one that lives already would silently be those of somebody else.
func (k *Kernel) create(fs *fsContext, m Mount) error {
	crashpoint.Step("mount.create")
	if m.Living != nil {
		return fs.explain("create", alike(unix.FsconfigCreate(fs.fd)))
	}
	if k.Features().Exclusive {
		err := fsconfig(fs.fd, fsconfigCreateExclusive)
		if errors.Is(err, unix.EBUSY) {
			err = errAlive
		}
		return fs.explain("create", clone(m.Type, err))
	}
	if m.Device != nil {
		if err := idle(m.Device); err != nil {
			return err
		}
	}
	return fs.explain("create", clone(m.Type, unix.FsconfigCreate(fs.fd)))
}

// clone gives a kernel's refusal to mount a btrfs beside one with the same UUID
// its kind (R12). Later kernels give the second one an id of its own.
func clone(fsType string, err error) error {
	if fsType == "btrfs" && errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%w: unmount it first, or give the clone an id of its own with btrfstune -u: %w", ErrSameUUID, err)
	}
	return err
}
