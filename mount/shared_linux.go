package mount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Shared says whether mounts made at or below path propagate to other mount
// namespaces. A node plugin whose kubelet directory is not shared mounts for
// itself only, and removing a mount point there would unmount it for others
// (R8): its manifest lacks mountPropagation: Bidirectional.
func (k *Kernel) Shared(path string) (bool, error) {
	p, err := k.Propagation(path)
	return p.Shared, err
}

// Propagation describes the mount that path is in (R8).
func (k *Kernel) Propagation(path string) (Propagation, error) {
	r, err := k.holding(path)
	if err != nil {
		return Propagation{}, fmt.Errorf("propagation of %s: %w", path, err)
	}
	return Propagation{Shared: r.shared, Point: r.point, Root: r.root}, nil
}

// holding describes the mount that path is in.
func (k *Kernel) holding(path string) (record, error) {
	ask := unix.STATX_MNT_ID
	if k.Features().Statmount {
		ask = unix.STATX_MNT_ID_UNIQUE
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, ask, &st); err != nil {
		return record{}, err
	}
	if k.Features().Statmount {
		return statmount(st.Mnt_id, statmountDetails)
	}
	found, err := record{}, errors.New("the kernel does not tell the ids of mounts")
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return found, err
	}
	scan := scanMountinfo(func(r record) bool {
		if r.id == st.Mnt_id {
			found, err = r, nil
		}
		return err != nil
	})
	return found, errors.Join(err, scan)
}
