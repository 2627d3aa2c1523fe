package mount

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/watch"
)

// Nothing of these asks the device or the server: what the kernel has in memory
// is enough (R14).
const (
	statxFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	statxMask  = unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_MNT_ID_UNIQUE
	statxOld   = unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_MNT_ID // the ids of mountinfo
)

// statxMask asks for the ids of mounts that the rest of k works with.
func (k *Kernel) statxMask() int {
	if k.Features().Statmount {
		return statxMask
	}
	return statxOld
}

// Find describes the topmost mount at target; see [Table]. It costs the same
// however many mounts there are, if [Features.Statmount]. Shares are asked
// whether they are alive, and given five seconds to answer.
func (k *Kernel) Find(target string) (Info, error) {
	target = filepath.Clean(target)
	r, err := k.find(target)
	if err != nil {
		return Info{}, fmt.Errorf("find mount at %s: %w", target, err)
	}
	return r, nil
}

func (k *Kernel) find(target string) (Info, error) {
	k.Features() // sweeps
	st, err := k.look(target)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return Info{}, ErrNotMounted
	case err != nil:
		return k.findDead(target, err)
	}
	isMount, err := k.isMountPoint(target, st)
	if err != nil {
		return Info{}, err
	}
	if !isMount {
		return Info{}, ErrNotMounted
	}
	r, layers, err := k.recordOf(target, st)
	if err != nil {
		return Info{}, err
	}
	info := r.info()
	info.Rdev, info.Layers = rdev(st), layers
	if isShare(r.fsType) {
		info.Dead = k.alive(target, info.Device)
	}
	return info, nil
}

// look is statTarget with an end (R14). The way to target may lead through a
// share that does not answer, and some network file systems ask their server
// about the root of a mount whatever the flags say.
func (k *Kernel) look(target string) (unix.Statx_t, error) {
	return watch.Call(&k.watch, target, k.answerTime(), func() (unix.Statx_t, error) { return statTarget(target, k.statxMask()) })
}

// statTarget is answered from memory, by network file systems too: that is what
// AT_STATX_DONT_SYNC is for.
func statTarget(target string, mask int) (st unix.Statx_t, err error) {
	err = unix.Statx(unix.AT_FDCWD, target, statxFlags, mask, &st)
	return st, err
}

func rdev(st unix.Statx_t) uint64 {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK, unix.S_IFCHR:
		return unix.Mkdev(st.Rdev_major, st.Rdev_minor)
	}
	return 0
}

// isMountPoint believes statx; kernels before 5.8, whose statx does not know,
// are asked by moby/sys, which reads mountinfo in the end.
func (k *Kernel) isMountPoint(target string, st unix.Statx_t) (bool, error) {
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Mask&(unix.STATX_MNT_ID|unix.STATX_MNT_ID_UNIQUE) != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	return mountedOld(target)
}

// recordOf describes the mount that st is the root of, and counts the mounts
// stacked there.
func (k *Kernel) recordOf(target string, st unix.Statx_t) (record, int, error) {
	if !k.Features().Statmount || st.Mask&unix.STATX_MNT_ID_UNIQUE == 0 {
		return readMountinfo(target, st)
	}
	r, err := statmount(st.Mnt_id, statmountDetails)
	if err != nil {
		return record{}, 0, err
	}
	layers := 1
	for below := r; below.parent != below.id; layers++ {
		if below, err = statmount(below.parent, statmountMount|statmountPoint); err != nil || below.point != r.point {
			break
		}
	}
	return r, layers, nil
}

func (k *Kernel) answerTime() time.Duration {
	if k.patience > 0 {
		return k.patience
	}
	return defaultPatience
}
