package nvme

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckPartition returns nil if the open device is the partition of that name
// and its disk, if that has a serial number, has this one.
func (t Tree) CheckPartition(f *os.File, name, serial string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	return t.checkNumber(unix.Major(st.Rdev), unix.Minor(st.Rdev), name, serial)
}

func (t Tree) checkNumber(major, minor uint32, name, serial string) error {
	real, err := filepath.EvalSymlinks(filepath.Join(t.Sys, "dev/block", fmt.Sprintf("%d:%d", major, minor)))
	if err != nil {
		return err
	}
	have, err := os.ReadFile(filepath.Join(filepath.Dir(real), "device/serial"))
	if filepath.Base(real) != name || err == nil && strings.TrimSpace(string(have)) != serial {
		return fmt.Errorf("device %d:%d is %s of a disk with serial %q, not %s with serial %q", major, minor, real, have, name, serial)
	}
	return nil
}
