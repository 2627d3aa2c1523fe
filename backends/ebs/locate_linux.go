package ebs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/csi"
)

// verifyPartition checks that an open partition is the one of that name, on the
// volume's disk.
func (s sysfs) verifyPartition(name, volume string) func(context.Context, *os.File) error {
	return func(_ context.Context, f *os.File) error {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return err
		}
		link := filepath.Join(s.sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
		real, err := filepath.EvalSymlinks(link)
		if err != nil {
			return err
		}
		serial, err := os.ReadFile(filepath.Join(filepath.Dir(real), "device/serial"))
		if filepath.Base(real) != name || err == nil && strings.TrimSpace(string(serial)) != serialOf(volume) {
			return fmt.Errorf("%w: %s is %s with serial %q, not a partition of volume %s", csi.ErrUnavailable, f.Name(), real, serial, volume)
		}
		return nil
	}
}
