package fs

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// removeUnmade takes away what a cryptsetup that was killed has left of the
// volume's mappings before they had a table. Such a thing maps nothing and nobody
// can have it open, but it has the name, so that no mapping can be made. Since
// Linux 5.15 (commit 89f871af1b26) sysfs does not show it, and cryptsetup calls it
// inactive and leaves it: the kernel is asked by name.
func (l LUKS) removeUnmade() error {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil // no mapping has ever been made here
	}
	if err != nil {
		return fmt.Errorf("look for mappings without a table: %w", err)
	}
	defer func() { _ = control.Close() }()
	for _, name := range []string{l.name(), l.forming()} {
		if err := l.removeIfUnmade(control, name); err != nil {
			return fmt.Errorf("remove mapping %s, which has no table: %w", name, err)
		}
	}
	return nil
}

func (l LUKS) removeIfUnmade(control *os.File, name string) error {
	status := dmRequest()
	copy(status.Name[:unix.DM_NAME_LEN-1], name)
	err := ioctl(control, unix.DM_DEV_STATUS, unsafe.Pointer(status))
	if errors.Is(err, unix.ENXIO) {
		return nil
	}
	if err != nil {
		return err
	}
	uuid := unix.ByteSliceToString(status.Uuid[:])
	if status.Flags&unix.DM_ACTIVE_PRESENT_FLAG != 0 || !l.owns(uuid) {
		return nil
	}
	crashpoint.Step("fs: remove a mapping without a table")
	remove := dmRequest() // by its UUID: another may have the name by now
	copy(remove.Uuid[:unix.DM_UUID_LEN-1], uuid)
	if err := ioctl(control, unix.DM_DEV_REMOVE, unsafe.Pointer(remove)); err != nil && !errors.Is(err, unix.ENXIO) {
		return err
	}
	if err := os.Remove("/dev/mapper/" + name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// dmRequest is an empty request of the device mapper's first interface, which
// every kernel has (linux/dm-ioctl.h).
func dmRequest() *unix.DmIoctl {
	r := &unix.DmIoctl{Version: [3]uint32{unix.DM_VERSION_MAJOR, 0, 0}}
	r.Data_size = uint32(unsafe.Sizeof(*r))
	return r
}
