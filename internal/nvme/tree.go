package nvme

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Tree is where the kernel shows its devices. Tests make their own.
type Tree struct {
	Sys string // where sysfs is mounted
	Dev string // where the device nodes are
}

// Machine is the tree of this machine.
var Machine = Tree{"/sys", "/dev"}

var disk = regexp.MustCompile(`^nvme[0-9]+n[0-9]+$`)

// Serials returns the serial numbers of the NVMe disks, by the name of the disk,
// such as nvme0n1. A disk that goes meanwhile is left out. Partitions, and disks
// of other kinds, are not disks here.
func (t Tree) Serials() (map[string]string, error) {
	entries, err := os.ReadDir(filepath.Join(t.Sys, "block"))
	if err != nil {
		return nil, err
	}
	serials := map[string]string{}
	for _, e := range entries {
		if !disk.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(t.Sys, "block", e.Name(), "device/serial"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		serials[e.Name()] = strings.TrimSpace(string(text))
	}
	return serials, nil
}

// BySerial returns the names of the disks of all that have the serial number:
// more than one is a machine that cannot be trusted. any says whether there are
// NVMe disks at all.
func (t Tree) BySerial(serial string) (found []string, any bool, err error) {
	serials, err := t.Serials()
	for disk, s := range serials {
		if s == serial {
			found = append(found, disk)
		}
	}
	return found, len(serials) > 0, err
}
