package mount

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Unmount removes all mounts at target; see [Table].
//
// The last mount of a file system in this namespace is synced first, while it
// is still to be seen: what takes long with a slow device happens then, and
// ctx can end it before anything is undone. A call that the kernel is in the
// middle of cannot be ended; Unmount returns when the kernel does, so that its
// caller holds the volume as long as the kernel does (R6).
func (k *Kernel) Unmount(ctx context.Context, target string) error {
	target = filepath.Clean(target)
	if err := k.unmount(ctx, target); err != nil {
		return fmt.Errorf("unmount %s: %w", target, err)
	}
	return nil
}

// unmount takes one mount after the other and looks after each one whether it
// has gone: the kernel's answer alone proves nothing (R18). For the only one at
// the target its id tells that, without another look along the path, which needs
// a goroutine of its own.
func (k *Kernel) unmount(ctx context.Context, target string) error {
	var last error
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		info, err := k.glance(target)
		switch {
		case errors.Is(err, ErrNotMounted):
			return nil
		case err != nil:
			return errors.Join(err, last)
		case last != nil:
			return fmt.Errorf("still mounted: %w", last)
		}
		if err := k.flush(ctx, target, info); err != nil {
			return err
		}
		last = k.pop(target, info)
		if errors.Is(last, ErrBusy) || last == nil && k.endedAlone(info) {
			return last
		}
	}
}

// glance is find with no more than unmounting needs. Where statmount is missing
// it saves reading all of mountinfo for each mount of a block device or node:
// such a mount is no share that could be dead.
func (k *Kernel) glance(target string) (Info, error) {
	if k.Features().Statmount {
		return k.find(target)
	}
	st, err := k.look(target)
	if err != nil || st.Dev_major == 0 && rdev(st) == 0 {
		return k.find(target)
	}
	isMount, err := k.isMountPoint(target, st)
	if err != nil {
		return Info{}, err
	}
	if !isMount {
		return Info{}, ErrNotMounted
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return k.find(target)
	}
	return Info{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Rdev: rdev(st), ReadOnly: fs.Flags&unix.ST_RDONLY != 0}, nil
}

// endedAlone proves that a mount has gone which was the only one at its place.
// Its id is never that of another one.
func (k *Kernel) endedAlone(info Info) bool {
	if info.Layers != 1 || !k.Features().Statmount {
		return false
	}
	_, err := statmount(info.ID, statmountMount)
	return errors.Is(err, ErrNotMounted)
}

// pop removes the topmost mount. Only a share that is dead for good is
// detached lazily (R7): nobody can use it and nothing waits to be written.
func (k *Kernel) pop(target string, info Info) error {
	flags := unix.UMOUNT_NOFOLLOW
	if isGone(info) {
		flags |= unix.MNT_DETACH
		k.logger().Warn("detaching a dead share", "target", target, "source", info.Source, "reason", info.Dead)
	}
	crashpoint.Step("unmount.umount2")
	err := unix.Unmount(target, flags)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("%w: %s", ErrBusy, k.holders(target, info))
	}
	return err
}

// flush writes out what the file system has in memory, if the mount is its last
// one here. A failure does not keep the mount: what cannot be written now
// cannot be written by unmounting either, and a device that has gone must be
// let go.
func (k *Kernel) flush(ctx context.Context, target string, info Info) error {
	if info.ReadOnly || info.Dead != nil || info.Rdev != 0 || k.hasOther(info) {
		return nil
	}
	fd, err := unix.Open(target, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	err = unix.Syncfs(fd)
	_ = unix.Close(fd)
	if err != nil {
		k.logger().Error("data of a volume could not be written and is lost", "target", target, "source", info.Source, "error", err)
	}
	return context.Cause(ctx)
}

// hasOther says that another mount shows the same file system, so that
// unmounting this one writes nothing. It looks at the mounts made shortly before
// and after this one, where those of a volume are, and not at all mounts of the
// machine: one that it overlooks costs a sync too early, and nothing else.
func (k *Kernel) hasOther(info Info) (other bool) {
	if !k.Features().Statmount {
		count := 0
		_ = scanMountinfo(func(r record) bool {
			if r.dev == info.Device {
				count++
			}
			return count < 2
		})
		return count > 1
	}
	var near [2 * nearMounts]uint64
	for _, id := range slices.Concat(listNear(info.ID, listmountReverse, near[:nearMounts]), listNear(info.ID, 0, near[nearMounts:])) {
		r, err := statmount(id, statmountSuper)
		if err == nil && r.dev == info.Device {
			return true
		}
	}
	return false
}

// nearMounts is how many mounts before and after one are looked at.
const nearMounts = 32
