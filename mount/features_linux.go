package mount

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Features says which interfaces of the kernel are used. The first call, or the
// first use of k, finds out and writes it to the log. It also removes the hidden
// mounts of processes that were killed, which would keep devices busy: where
// mount(2) is used, see mountLocal.
func (k *Kernel) Features() Features {
	k.once.Do(func() {
		if k.Only != nil {
			k.has = *k.Only
		} else {
			k.has = Features{NewMount: hasNewMount(), Statmount: hasStatmount()}
			k.has.Exclusive = k.has.NewMount && known(fsconfig(noFD, fsconfigCreateExclusive))
		}
		k.logger().Info("mounts are made and found by", "interfaces", k.has.String())
		k.sweep()
	})
	return k.has
}

const (
	noFD                    = 1 << 30 // a descriptor that is not open
	fsconfigCreateExclusive = 8       // FSCONFIG_CMD_CREATE_EXCL
)

// known tells a system call that was tried and failed from one that is
// missing, or that a seccomp filter hides.
func known(err error) bool {
	return !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP)
}

// hasNewMount calls each system call with arguments that cannot do anything.
func hasNewMount() bool {
	fd, open := unix.Fsopen("", unix.FSOPEN_CLOEXEC)
	if open == nil {
		_ = unix.Close(fd)
	}
	_, mount := unix.Fsmount(noFD, unix.FSMOUNT_CLOEXEC, 0)
	_, tree := unix.OpenTree(noFD, "x", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	set := unix.MountSetattr(noFD, "x", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV})
	move := unix.MoveMount(noFD, "x", noFD, "x", 0)
	config := fsconfig(noFD, unix.FSCONFIG_CMD_CREATE)
	return known(open) && known(mount) && known(tree) && known(set) && known(move) && known(config)
}

// hasStatmount asks for the root mount. The source is the youngest of the fields
// needed; a kernel that tells it tells the others.
func hasStatmount() bool {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, "/", statxFlags, statxMask, &st) != nil || st.Mask&unix.STATX_MNT_ID_UNIQUE == 0 {
		return false
	}
	r, err := statmount(st.Mnt_id, statmountDetails)
	if err != nil || !r.details {
		return false
	}
	return listmount(listmountRoot, func(uint64) bool { return false }) == nil
}

// fsconfig runs a command of fsconfig(2) that has no arguments.
func fsconfig(fd int, cmd uint) error {
	_, _, errno := unix.Syscall6(unix.SYS_FSCONFIG, uintptr(fd), uintptr(cmd), 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
