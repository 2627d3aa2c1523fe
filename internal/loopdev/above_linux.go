package loopdev

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/rawfile"
	"github.com/csikit/csikit/internal/watch"
)

// Above calls visit for every loop device that is backed by the block device
// with this number, as [Each] would: an exclusive open of a device does not
// notice them. Those without a size may be left out: nothing can be written to
// them. One of which nothing is learned is backed by a file, unless its path is
// below /dev. On a machine with many loop devices it takes a tenth of the time.
func Above(number uint64, visit func(Info) error) error {
	check := func(info Info) error {
		if info.BackingDevice != number {
			return nil
		}
		return visit(info)
	}
	mine := func(backing string) bool { return strings.HasPrefix(backing, "/dev/") }
	names, err := candidates(number)
	if err != nil || len(names) == 0 {
		return err
	}
	found, err := watch.Call(&asked, "all loop devices", patience/10, func() ([]Info, error) { return backedBy(names, number) })
	if err == nil {
		for _, info := range found {
			if err := visit(info); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range names { // one of them is silent, or worse
		if err := visitOne(name, mine, check); err != nil {
			return err
		}
	}
	return nil
}

// backedBy asks all devices in one go, which is what can be done as long as none
// has a backing file of a dead server.
func backedBy(names []string, number uint64) (found []Info, err error) {
	for _, name := range names {
		s, err := statusOf("/dev/" + name)
		switch {
		case errors.Is(err, unix.ENXIO): // detached since it was listed
		case err != nil:
			return nil, err
		case s.Rdevice == number:
			found = append(found, infoOf(s))
		}
	}
	return found, nil
}

// statusOf does without an [os.File], which would take twice as long.
func statusOf(path string) (*unix.LoopInfo64, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s, err := unix.IoctlLoopGetStatus64(fd)
	return s, errors.Join(err, unix.Close(fd))
}

// candidates lists the loop devices that may be backed by the device with this
// number.
func candidates(number uint64) ([]string, error) {
	table, err := rawfile.Read("/proc/partitions")
	if names, whole := sized(string(table), number); err == nil && whole {
		return names, nil
	}
	return boundOnes()
}

// onePiece is how long a table can be that one read(2) has returned: a page, less
// the longest line. The kernel continues a longer one where so many disks have been
// passed over as before, and leaves one out when one before that has gone meanwhile.
const onePiece = 4096 - 128

// sized lists the loop devices in a table of the block devices that have a
// size, /proc/partitions, except for the one with this number: no loop device
// is backed by itself. whole says that the table has the device with this
// number, and came in one piece: else it is not the kernel's, or not all of it.
func sized(table string, number uint64) (names []string, whole bool) {
	if len(table) > onePiece {
		return nil, false
	}
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
		if unix.Mkdev(uint32(major), uint32(minor)) == number {
			whole = true
			continue
		}
		if digits, ok := strings.CutPrefix(name, "loop"); ok && strings.Trim(digits, "0123456789") == "" {
			names = append(names, name)
		}
	}
	return names, whole
}
