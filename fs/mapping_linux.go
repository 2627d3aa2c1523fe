package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A mapping is a device of the device mapper as sysfs shows it.
type mapping struct {
	kernel string // dm-N
	name   string // it can be changed
	uuid   string // it cannot
	number uint64
	below  []uint64 // the devices it maps to; none while it is being made
}

func (m mapping) String() string { return "mapping " + m.name + " (" + m.kernel + ")" }

// mappings lists those that keep accepts by name and UUID. One that goes
// meanwhile is left out.
func mappings(keep func(name, uuid string) bool) (found []mapping, err error) {
	dirs, err := filepath.Glob("/sys/block/dm-*")
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		m := mapping{kernel: filepath.Base(dir)}
		m.uuid, err = sysfsText(dir + "/dm/uuid")
		if err == nil {
			m.name, err = sysfsText(dir + "/dm/name")
		}
		if err == nil && keep(m.name, m.uuid) {
			if m, err = m.read(dir); err == nil {
				found = append(found, m)
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("list the mappings of this node: %w", err)
		}
	}
	return found, nil
}

// read completes m.
func (m mapping) read(dir string) (mapping, error) {
	var err error
	if m.number, err = sysfsNumber(dir + "/dev"); err != nil {
		return m, err
	}
	slaves, err := filepath.Glob(dir + "/slaves/*/dev")
	for _, slave := range slaves {
		number, slaveErr := sysfsNumber(slave)
		if slaveErr != nil {
			return m, slaveErr
		}
		m.below = append(m.below, number)
	}
	return m, err
}

// open opens the mapping's device, whatever node there is of it. Without a
// udev nobody but the process that opened the mapping has made one, and its
// container may be gone.
func (m mapping) open() (*Device, error) {
	var faults []error
	own := "/dev/mapper/" + m.name
	for _, path := range []string{"/dev/" + m.kernel, own} {
		d, err := Open(path)
		if err == nil && d.Number() == m.number {
			return d, nil
		}
		if err == nil {
			err = errors.Join(fmt.Errorf("%s is device %s", path, numberText(d.Number())), d.Close())
		}
		faults = append(faults, err)
	}
	if _, err := os.Lstat(own); errors.Is(err, os.ErrNotExist) {
		if err = unix.Mknod(own, unix.S_IFBLK|0o600, int(m.number)); err == nil {
			return Open(own)
		}
		faults = append(faults, &os.PathError{Op: "mknod", Path: own, Err: err})
	}
	return nil, fmt.Errorf("open %s, device %s: %w", m, numberText(m.number), errors.Join(faults...))
}

func sysfsText(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		err = os.ErrNotExist // it goes at this moment
	}
	return strings.TrimSpace(string(b)), err
}

// sysfsNumber reads an attribute of the form 253:0.
func sysfsNumber(path string) (uint64, error) {
	text, err := sysfsText(path)
	if err != nil {
		return 0, err
	}
	majorText, minorText, _ := strings.Cut(text, ":")
	major, err := strconv.ParseUint(majorText, 10, 32)
	if err == nil {
		var minor uint64
		if minor, err = strconv.ParseUint(minorText, 10, 32); err == nil {
			return unix.Mkdev(uint32(major), uint32(minor)), nil
		}
	}
	return 0, fmt.Errorf("%s: %q is no device number: %w", path, text, err)
}
