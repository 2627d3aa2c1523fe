package invariant

import (
	"errors"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Targets checks what is mounted at each target. A target at which nothing is
// mounted is as it should be.
func Targets(targets ...Target) (found []Violation) {
	for _, t := range targets {
		layers, err := mountinfo.GetMounts(func(i *mountinfo.Info) (skip, stop bool) { return i.Mountpoint != t.Path, false })
		if err != nil {
			found = append(found, unknown(oneMount, err)...)
			continue
		}
		if len(layers) > 1 {
			found = append(found, violated(oneMount, "%d mounts are stacked at %s", len(layers), t.Path)...)
		}
		if t.ReadOnly && len(layers) > 0 && writable(t.Path) {
			found = append(found, violated(neverWritable, "%s can be written", t.Path)...)
		}
	}
	return found
}

// writable asks the kernel. A device node can be written to through a read-only
// mount, so that of it the mount is asked: the container runtime goes by it.
func writable(path string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err == nil && fs.Flags&unix.ST_RDONLY == 0 {
		return true
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	return !errors.Is(unix.Access(path, unix.W_OK), unix.EROFS)
}
