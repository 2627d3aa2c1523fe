package fs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/loopdev"
)

// Exclusive proves that nothing holds the device at this moment: the kernel
// grants an exclusive open, which fails while it is mounted anywhere on the
// machine, has a mapping on top or is a member of something; and no loop device
// is backed by it, which an exclusive open does not notice (ruling 24).
// A file system that was unmounted but is not written out yet still holds it.
//
// The error wraps [ErrBusy] and names the holders. Programs that merely have
// the device open do not count.
func (d *Device) Exclusive() error {
	f, err := d.reopen(os.O_RDONLY | unix.O_EXCL)
	if err != nil && !errors.Is(err, unix.EBUSY) {
		return err
	}
	if err == nil {
		err = f.Close()
	}
	loops, loopErr := d.loops()
	if loopErr != nil {
		return fmt.Errorf("look for loop devices on %s: %w", d, loopErr)
	}
	if err == nil && len(loops) == 0 {
		return nil
	}
	holders := slices.Concat(d.mappings(), loops, d.mounts())
	if len(holders) == 0 {
		holders = []string{"held by something that this process cannot see, such as a mount in another namespace or a file system that is still being unmounted"}
	}
	return fmt.Errorf("%s: %w: %s", d, ErrBusy, strings.Join(append(holders, d.processes()...), "; "))
}

// loops names the loop devices that the device backs.
func (d *Device) loops() (names []string, err error) {
	err = loopdev.Above(d.number, func(info loopdev.Info) error {
		names = append(names, "backs "+info.Path)
		return nil
	})
	return names, err
}

// mappings names the devices of the kernel on top of this one: dm, md, bcache.
func (d *Device) mappings() (names []string) {
	entries, _ := os.ReadDir(d.sysfsDir() + "/holders")
	for _, e := range entries {
		names = append(names, "held by "+e.Name())
	}
	return names
}
