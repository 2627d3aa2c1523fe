package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// maxHolders bounds each list of holders in a message.
const maxHolders = 5

// mounts names the mounts of this namespace that use the device, as far as that
// is easily seen. It is for messages only (R18).
func (d *Device) mounts() (names []string) {
	node := "/dev/" + d.kernelName()
	filter := func(m *mountinfo.Info) (skip, stop bool) {
		mine := unix.Mkdev(uint32(m.Major), uint32(m.Minor)) == d.number || m.Source == node || m.Source == d.name
		return !mine, len(names) >= maxHolders
	}
	mounts, _ := mountinfo.GetMounts(filter)
	for _, m := range mounts {
		names = append(names, "mounted at "+m.Mountpoint)
	}
	return names[:min(len(names), maxHolders)]
}

// processes finds the processes that have the kernel's node of the device open.
// They may have nothing to do with it being busy.
// It reads the links only: to follow one could wait for a dead server.
func (d *Device) processes() (names []string) {
	node, self := "/dev/"+d.kernelName(), fmt.Sprint(os.Getpid())
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != node {
			continue
		}
		pid := strings.Split(link, "/")[2]
		if pid == self {
			continue
		}
		command, _ := os.ReadFile("/proc/" + pid + "/comm")
		names = append(names, fmt.Sprintf("open in process %s (%s)", pid, strings.TrimSpace(string(command))))
		if len(names) >= maxHolders {
			break
		}
	}
	return names
}
