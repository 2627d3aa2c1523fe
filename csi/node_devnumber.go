package csi

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/csikit/csikit/internal/rawfile"
)

// majorMinor writes a Linux device number as sysfs does: "8:16". See
// makedev(3) for the encoding.
func majorMinor(number uint64) string {
	major := (number >> 8 & 0xfff) | (number >> 32 &^ 0xfff)
	minor := (number & 0xff) | (number >> 12 &^ 0xff & 0xffffffff)
	return fmt.Sprintf("%d:%d", major, minor)
}

// anonymous reports whether a device number is that of a file system without
// a block device, such as a share or btrfs.
func anonymous(number uint64) bool { return number>>8&0xfff == 0 && number>>32&^0xfff == 0 }

// sysfs reads an attribute of a block device without touching the device,
// trimmed. The error wraps fs.ErrNotExist if there is no such device.
func sysfs(number uint64, attribute string) (string, error) {
	const devices = "/sys/dev/block/"
	value, err := rawfile.Read(devices + majorMinor(number) + "/" + attribute)
	if errors.Is(err, iofs.ErrNotExist) {
		if _, noSysfs := os.Stat(devices); noSysfs != nil { // a container without it knows no device
			return "", fmt.Errorf("look for block device %s: there is no %s", majorMinor(number), devices)
		}
	}
	return strings.TrimSpace(string(value)), err
}

// sysfsSize returns the size in bytes of a block device without touching it.
func sysfsSize(number uint64) (int64, error) {
	sectors, err := sysfs(number, "size")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(sectors, 10, 64)
	return n * 512, err
}

// sysfsName returns the kernel's name of a block device, such as "dm-3".
func sysfsName(number uint64) (string, error) {
	event, err := sysfs(number, "uevent")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(event) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("sysfs does not name block device %s", majorMinor(number))
}
