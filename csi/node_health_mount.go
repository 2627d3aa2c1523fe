package csi

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/csikit/csikit/csi/internal/nodestate"
	"github.com/csikit/csikit/mount"
)

// mountHealth is what is wrong with a mount; answer is what the file system said
// when it was asked.
func (d *Driver) mountHealth(id string, info mount.Info, answer error) ([]Problem, error) {
	record, err := d.loadVolume(nodestate.Key{Volume: id})
	if err != nil {
		return nil, err
	}
	if !record.thisBoot() {
		record = nil
	}
	number := numberBelow(info, record)
	if number != 0 {
		if _, err := sysfsSize(number); errors.Is(err, iofs.ErrNotExist) {
			return inaccessible("DeviceGone", "block device "+majorMinor(number)+" is gone while the volume is mounted"), nil
		}
	}
	switch {
	case info.Dead != nil:
		return inaccessible("MountDead", info.Dead.Error()), nil
	case answer != nil:
		return inaccessible("FileSystemFails", answer.Error()), nil
	case brokenOption(info) == optionShutdown:
		return inaccessible("FileSystemShutDown", "the kernel has shut the file system down after errors: look at dmesg"), nil
	case readOnlyByErrors(info, record):
		return []Problem{{Degraded, "FileSystemReadOnly", "the kernel has made the file system read-only after errors: look at dmesg"}}, nil
	}
	if errs := ext4Errors(info, number); errs != "" && errs != "0" {
		return []Problem{{Degraded, "FileSystemErrors", fmt.Sprintf("ext4 has seen %s errors since its last check: look at dmesg", errs)}}, nil
	}
	return nil, nil
}

// numberBelow is the number of the block device below a mount, without a look at
// the device (unlike [deviceOf]); 0 if there is none.
func numberBelow(info mount.Info, record *volumeRecord) uint64 {
	switch {
	case info.Rdev != 0:
		return info.Rdev
	case !anonymous(info.Device):
		return info.Device
	case record != nil && record.content() != nil: // btrfs
		return record.content().Number
	}
	return 0
}

// readOnlyByErrors reports whether a file system that was mounted to be written
// cannot be written any more.
func readOnlyByErrors(info mount.Info, record *volumeRecord) bool {
	return brokenOption(info) != "" ||
		info.SuperReadOnly && record != nil && record.Mount != nil && !record.Mount.ReadOnly
}

// ext4Errors is how many errors an ext4 has counted since it was last checked,
// as the kernel tells it (Documentation/ABI/testing/sysfs-fs-ext4); "" if that is
// not known.
func ext4Errors(info mount.Info, number uint64) string {
	if info.Type != "ext4" || number == 0 {
		return ""
	}
	name, err := sysfsName(number)
	if err != nil {
		return ""
	}
	count, _ := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(name), "errors_count"))
	return strings.TrimSpace(string(count))
}

// optionShutdown says that the kernel fails whatever is done to a file system.
const optionShutdown = "shutdown"

// brokenOption is the option by which a file system shows that the kernel has
// stopped it; "" if it has none.
func brokenOption(i mount.Info) string {
	for _, name := range []string{optionShutdown, "emergency_ro"} {
		if slices.Contains(i.Options, name) {
			return name
		}
	}
	return ""
}
