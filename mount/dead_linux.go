package mount

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/watch"
)

// isShare says that a file system is served by a daemon or by another machine,
// which can die while the mount stays.
func isShare(fsType string) bool {
	base, _, _ := strings.Cut(fsType, ".")
	return slices.Contains([]string{"nfs", "nfs4", "cifs", "smb3", "fuse", "ceph", "9p", "virtiofs", "lustre", "afs", "orangefs"}, base)
}

// alive asks the server or daemon of the share at target for the attributes of
// its root, and returns why it does not work, or nil. While it is silent nobody
// else waits for it, whichever of its mounts they look at.
func (k *Kernel) alive(target string, share uint64) error {
	_, err := watch.Call(&k.watch, "share "+numberName(share), k.answerTime(), func() (struct{}, error) {
		var st unix.Statx_t
		return struct{}{}, unix.Statx(unix.AT_FDCWD, target, statxFlags&^unix.AT_STATX_DONT_SYNC|unix.AT_STATX_FORCE_SYNC, unix.STATX_BASIC_STATS, &st)
	})
	return err
}

// findDead looks for a mount by name where the path itself fails with cause. If
// there is none, cause is what the caller has to know.
func (k *Kernel) findDead(target string, cause error) (Info, error) {
	point, err := watch.Call(&k.watch, "way to "+target, k.answerTime(), func() (string, error) { return canonical(target) })
	if err != nil {
		return Info{}, err
	}
	var at []record
	err = k.scan(func(r record) bool {
		if r.point == point {
			at = append(at, r)
		}
		return true
	})
	switch {
	case err != nil:
		return Info{}, err
	case len(at) == 0:
		return Info{}, cause
	}
	info := topOf(at).info()
	info.Layers, info.Dead = len(at), cause
	return info, nil
}

// topOf is the record that no other one is mounted on.
func topOf(at []record) record {
	for _, r := range at {
		if !slices.ContainsFunc(at, func(o record) bool { return o.parent == r.id && o.id != r.id }) {
			return r
		}
	}
	return at[len(at)-1]
}

// canonical is target as the mount table names it: no symbolic link in it. Only
// the parent is looked at, which is not in the mount.
func canonical(target string) (string, error) {
	fd, err := unix.Open(filepath.Dir(target), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return "", ErrNotMounted
	case err != nil:
		return "", err
	}
	defer unix.Close(fd)
	dir, err := readLink(fdPath(fd))
	return filepath.Join(dir, filepath.Base(target)), err
}

// isGone says that a share is dead for good: it holds no data that could still
// be written (R7).
func isGone(info Info) bool {
	return isShare(info.Type) && (errors.Is(info.Dead, unix.ENOTCONN) || errors.Is(info.Dead, unix.ESTALE))
}
