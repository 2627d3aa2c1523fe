package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// leftovers are the loop devices and mounts that belong to a directory.
type leftovers struct {
	mounts []string // deepest first
	loops  []string // device nodes
}

func (l leftovers) String() string {
	return fmt.Sprintf("%d mounts %v, %d loop devices %v", len(l.mounts), l.mounts, len(l.loops), l.loops)
}

// findLeftovers looks at what the kernel says, not at what the driver says: at
// mounts below dir, and at loop devices whose backing file is below it. Other
// people's are none of our business.
func findLeftovers(dir string) (leftovers, error) {
	var l leftovers
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return l, err
	}
	for _, m := range mounts {
		l.mounts = append(l.mounts, m.Mountpoint)
	}
	slices.Reverse(l.mounts)
	backing, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return l, err
	}
	for _, path := range backing {
		file, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) { // detached meanwhile
			continue
		}
		if err != nil {
			return l, err
		}
		if strings.HasPrefix(string(file), dir+"/") {
			l.loops = append(l.loops, "/dev/"+strings.Split(path, "/")[3])
		}
	}
	return l, nil
}

// undo removes mounts and loop devices of the demo after a failure, by the
// system's own tools, since the driver may be what failed.
func (d *demo) undo() error {
	left, err := findLeftovers(d.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range left.mounts {
		errs = append(errs, tool("umount", m))
	}
	left, err = findLeftovers(d.dir) // most loop devices clear themselves
	errs = append(errs, err)
	for _, l := range left.loops {
		errs = append(errs, tool("losetup", "-d", l))
	}
	return errors.Join(errs...)
}

func tool(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// files lists the regular files below a directory, without the directory.
func files(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	return found, err
}
