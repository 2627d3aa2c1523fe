package mounttest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/csikit/csikit/mount"
)

// top is the index of the topmost mount at target, or -1.
func (t *Table) top(target string) int {
	target = filepath.Clean(target)
	for i := len(t.mounts) - 1; i >= 0; i-- {
		if t.mounts[i].Target == target {
			return i
		}
	}
	return -1
}

// covers says that another mount is somewhere below target.
func (t *Table) covers(target string) bool {
	for _, e := range t.mounts {
		if strings.HasPrefix(e.Target, target+"/") {
			return true
		}
	}
	return false
}

// holder is what a bind of path shows: the mount that path is in, with the
// path below it as its root. A path in no mount of the table is in a file
// system called "host".
func (t *Table) holder(path string) mount.Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	for dir := path; ; dir = filepath.Dir(dir) {
		if i := t.top(dir); i >= 0 {
			info := t.mounts[i].Info
			info.ID, info.Dead = 0, nil
			info.Root = filepath.Join(info.Root, strings.TrimPrefix(path, dir))
			return info
		}
		if dir == filepath.Dir(dir) {
			return mount.Info{Root: path, Type: "host", Source: "host"}
		}
	}
}

// resolve follows a path of an open file, /proc/self/fd/N.
func resolve(path string) string {
	if strings.HasPrefix(path, "/proc/") {
		if p, err := os.Readlink(path); err == nil {
			return p
		}
	}
	return filepath.Clean(path)
}
