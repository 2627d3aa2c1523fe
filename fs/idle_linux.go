package fs

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Idle proves that nothing holds a block device which cannot be opened any more,
// such as a SCSI disk that is offline: [Device.Exclusive] needs an open one. It
// looks at what the kernel shows of file systems, mappings and loop devices.
// number is as in [Device.Number].
//
// fstype is the file system that was mounted from the device, "" if it was used
// as it is. The kernel shows those of ext4, xfs and btrfs; for others the error
// wraps [errors.ErrUnsupported]. It wraps [ErrBusy] if something holds the
// device. A device that does not exist is idle.
func Idle(number uint64, fstype string) error {
	d := &Device{number: number, name: "block device"}
	if _, err := os.Stat("/sys/dev/block"); err != nil {
		return err
	}
	if _, err := os.Stat(d.sysfsDir()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if d.kernelName() == "" {
		return fmt.Errorf("%s: sysfs does not say its name", d)
	}
	if fstype != "" {
		found, err := d.living(fstype)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s: %w: its %s is alive: %s", d, ErrBusy, fstype, strings.Join(append(found, d.mounts()...), "; "))
		}
	}
	loops, err := d.loops()
	if err != nil {
		return fmt.Errorf("look for loop devices on %s: %w", d, err)
	}
	if holders := append(d.mappings(), loops...); len(holders) > 0 {
		return fmt.Errorf("%s: %w: %s", d, ErrBusy, strings.Join(holders, "; "))
	}
	return nil
}
