package fs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/csikit/csikit/internal/rawfile"
)

// Sysfs reads an attribute below /sys/dev/block/MAJOR:MINOR, such as
// "device/serial" or "dm/uuid", white space trimmed. An attribute that a
// partition does not have is read from its disk. The error wraps
// [os.ErrNotExist] if neither has it.
func (d *Device) Sysfs(attribute string) (string, error) {
	if !fs.ValidPath(attribute) || attribute == "." {
		return "", fmt.Errorf("sysfs attribute %q of %s: %w", attribute, d, fs.ErrInvalid)
	}
	dir := d.sysfsDir()
	value, err := rawfile.Read(path.Join(dir, attribute))
	if errors.Is(err, os.ErrNotExist) && isPartition(dir) {
		value, err = rawfile.Read(dir + "/../" + attribute) // the kernel resolves dir first
	}
	if err != nil {
		return "", fmt.Errorf("sysfs attribute %q of %s: %w", attribute, d, err)
	}
	return strings.TrimSpace(string(value)), nil
}

func (d *Device) sysfsDir() string { return "/sys/dev/block/" + numberText(d.number) }

func isPartition(dir string) bool {
	_, err := os.Stat(dir + "/partition")
	return err == nil
}

// kernelName is the name below /dev that the kernel gives the device, or "".
func (d *Device) kernelName() string {
	uevent, _ := rawfile.Read(d.sysfsDir() + "/uevent")
	for line := range strings.Lines(string(uevent)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); ok {
			return name
		}
	}
	return ""
}
