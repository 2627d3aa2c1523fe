package loopdev

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Above calls visit for every loop device that is backed by the block device
// with this number, as [Each] would: an exclusive open of a device does not
// notice them. Those without a size are left out: nothing can be written to
// them. One of which nothing is learned is backed by a file, unless its path is
// below /dev. On a machine with many loop devices it takes a tenth of the time.
func Above(number uint64, visit func(Info) error) error {
	check := func(_ *os.File, info Info) error {
		if info.BackingDevice != number {
			return nil
		}
		return visit(info)
	}
	mine := func(backing string) bool { return strings.HasPrefix(backing, "/dev/") }
	table, err := os.ReadFile("/proc/partitions")
	names, whole := sized(string(table), number)
	if err != nil || !whole {
		return Each(mine, check)
	}
	for _, name := range names {
		if err := visitOne(name, mine, check); err != nil {
			return err
		}
	}
	return nil
}

// sized lists the loop devices in a table of the block devices that have a
// size, /proc/partitions. whole says that the table has the device with this
// number too: one that does not is not the kernel's, or not all of it.
func sized(table string, number uint64) (names []string, whole bool) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != 4 { // major, minor, KiB, name
			continue
		}
		major, majorErr := strconv.ParseUint(fields[0], 10, 32)
		minor, minorErr := strconv.ParseUint(fields[1], 10, 32)
		if majorErr != nil || minorErr != nil {
			continue
		}
		name := fields[3]
		whole = whole || unix.Mkdev(uint32(major), uint32(minor)) == number
		if digits, ok := strings.CutPrefix(name, "loop"); ok && strings.Trim(digits, "0123456789") == "" {
			names = append(names, name)
		}
	}
	return names, whole
}
