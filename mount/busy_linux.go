package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxHolders bounds how many holders a message names.
const maxHolders = 4

// holders says for a message what keeps the mount at target: mounts below it,
// and processes of this mount namespace that this process can see.
func (k *Kernel) holders(target string, info Info) string {
	found := k.mountsBelow(target)
	if len(found) < maxHolders {
		found = append(found, processesIn(target)...)
	}
	if len(found) == 0 {
		return fmt.Sprintf("the holder is not visible here; look for a process of another mount namespace that uses device %s", numberName(info.Device))
	}
	more := ""
	if len(found) > maxHolders {
		found, more = found[:maxHolders], " and others"
	}
	return "held by " + strings.Join(found, ", ") + more
}

func (k *Kernel) mountsBelow(target string) (found []string) {
	point, err := canonical(target)
	if err != nil {
		return nil
	}
	_ = k.scan(func(r record) bool {
		if strings.HasPrefix(r.point, point+"/") {
			found = append(found, "mount "+r.point)
		}
		return len(found) <= maxHolders
	})
	return found
}

// processesIn looks where processes have their working directories, roots and
// open files. Links of /proc are texts: reading them touches no file system.
func processesIn(target string) (found []string) {
	point, err := canonical(target)
	if err != nil {
		return nil
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		if len(found) > maxHolders {
			break
		}
		if path := usedBy(dir, point); path != "" {
			comm, _ := os.ReadFile(dir + "/comm")
			found = append(found, fmt.Sprintf("process %s (%s) with %s", filepath.Base(dir), strings.TrimSpace(string(comm)), path))
		}
	}
	return found
}

func usedBy(dir, point string) string {
	links := []string{dir + "/cwd", dir + "/root", dir + "/exe"}
	files, _ := os.ReadDir(dir + "/fd")
	for _, f := range files {
		links = append(links, dir+"/fd/"+f.Name())
	}
	for _, l := range links {
		if path, err := os.Readlink(l); err == nil && (path == point || strings.HasPrefix(path, point+"/")) {
			return path
		}
	}
	return ""
}
