package invariant

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
)

// patience is how long a loop device and a process may take to go. Others
// look for their own devices and hold each one for an instant.
const patience = 3 * time.Second

// Leftovers checks that nothing is left of a test.
func Leftovers(s Scope) []Violation {
	found := append(s.mounts(), s.files()...)
	found = append(found, settle(s.loops)...)
	return append(found, settle(s.processes)...)
}

// settle repeats a check until it finds nothing or patience is over.
func settle(check func() []Violation) []Violation {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		found := check()
		if len(found) == 0 {
			return nil
		}
		select {
		case <-deadline.C:
			return found
		case <-tick.C:
		}
	}
}

// Mounts lists the mount points below dir, the last mounted first.
func Mounts(dir string) (points []string, err error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	for _, i := range slices.Backward(infos) {
		points = append(points, i.Mountpoint)
	}
	return points, err
}

func (s Scope) mounts() (found []Violation) {
	points, err := Mounts(s.Dir)
	if err != nil {
		return unknown(nothingLeft, err)
	}
	for _, p := range points {
		found = append(found, violated(nothingLeft, "%s is still mounted", p)...)
	}
	return found
}

// Loops lists the loop devices on files below dir, /dev/loopN each. It goes by
// the path that the file had, also if it has been deleted, and opens no device.
func Loops(dir string) (devices []string, err error) {
	names, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		backing, err := os.ReadFile(name)
		if err == nil && strings.HasPrefix(string(backing), dir+"/") {
			devices = append(devices, "/dev/"+filepath.Base(filepath.Dir(filepath.Dir(name))))
		}
	}
	return devices, nil
}

// loops finds loop devices and what is mapped on top of them.
func (s Scope) loops() (found []Violation) {
	devices, err := Loops(s.Dir)
	if err != nil {
		return unknown(nothingLeft, err)
	}
	for _, d := range devices {
		found = append(found, violated(nothingLeft, "%s is still attached to a file below %s", d, s.Dir)...)
		holders, _ := os.ReadDir(filepath.Join("/sys/block", filepath.Base(d), "holders"))
		for _, h := range holders {
			found = append(found, violated(nothingLeft, "%s holds %s", h.Name(), d)...)
		}
	}
	return found
}

// processes finds those that carry the marker. One that has ended has no
// environment any more.
func (s Scope) processes() (found []Violation) {
	if s.Marker == "" {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return unknown(nothingLeft, err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || slices.Contains(s.Alive, pid) {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !slices.Contains(strings.Split(string(environ), "\x00"), s.Marker) {
			continue
		}
		name, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		found = append(found, violated(nothingLeft, "process %d is left: %s", pid, strings.TrimSpace(string(name)))...)
	}
	return found
}
