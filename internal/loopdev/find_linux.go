package loopdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Each calls visit for every bound loop device of the machine, open for
// reading and closed after the call, until visit returns an error. Devices that
// come or go meanwhile may be left out. An error of the kernel ends the walk:
// half a list would let a file be attached twice.
func Each(visit func(*os.File, Info) error) error {
	names, err := boundOnes()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := visitOne(name, visit); err != nil && !errors.Is(err, ErrUnbound) {
			return err
		}
	}
	return nil
}

// boundOnes lists the loop devices that have the directory which only bound ones
// have: most of a machine's are not. The names in /sys/block are links to
// virtual/block, and slower by half.
func boundOnes() (bound []string, err error) {
	block, err := os.Open("/sys/devices/virtual/block")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, block.Close()) }()
	names, err := block.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, "loop") && unix.Faccessat(int(block.Fd()), name+"/loop", unix.F_OK, 0) == nil {
			bound = append(bound, name)
		}
	}
	return bound, err
}

func visitOne(name string, visit func(*os.File, Info) error) error {
	device, err := open(name, os.O_RDONLY)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, fs.ErrNotExist) {
		return nil // detached or removed since it was listed
	}
	if err != nil {
		return err
	}
	defer func() { _ = device.Close() }()
	info, err := Status(device)
	if err != nil {
		return err
	}
	return visit(device, info)
}

// Find lists the loop devices that are bound to the file with these device and
// inode numbers; see [Identity].
func Find(dev, ino uint64) ([]Info, error) {
	var found []Info
	err := Each(func(_ *os.File, info Info) error {
		if info.Device == dev && info.Inode == ino {
			found = append(found, info)
		}
		return nil
	})
	return found, err
}

// Identity returns the numbers that identify an open file: what [Info] has as
// Device and Inode.
func Identity(f *os.File) (dev, ino uint64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return uint64(st.Dev), st.Ino, nil
}

// Status says what an open loop device is bound to. [ErrUnbound] is returned
// if it is bound to nothing.
func Status(device *os.File) (Info, error) {
	s, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
	if errors.Is(err, unix.ENXIO) {
		return Info{}, fmt.Errorf("%s: %w", device.Name(), ErrUnbound)
	}
	if err != nil {
		return Info{}, fmt.Errorf("status of %s, which should be a loop device: %w", device.Name(), err)
	}
	return Info{
		Path: "/dev/loop" + strconv.Itoa(int(s.Number)), Number: s.Number,
		Device: s.Device, Inode: s.Inode, BackingDevice: s.Rdevice,
		Offset: s.Offset, SizeLimit: s.Sizelimit,
		ReadOnly:  s.Flags&unix.LO_FLAGS_READ_ONLY != 0,
		Autoclear: s.Flags&unix.LO_FLAGS_AUTOCLEAR != 0,
		DirectIO:  s.Flags&unix.LO_FLAGS_DIRECT_IO != 0,
	}, nil
}

// open opens /dev/NAME. Where /dev is a container's own, the kernel makes no
// nodes in it: open makes the one that is missing.
func open(name string, flags int) (*os.File, error) {
	path := "/dev/" + name
	f, err := os.OpenFile(path, flags, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	number, err := os.ReadFile("/sys/block/" + name + "/dev")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var major, minor uint32
	if _, err := fmt.Sscanf(strings.TrimSpace(string(number)), "%d:%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("/sys/block/%s/dev holds %q, want MAJOR:MINOR: %w", name, number, err)
	}
	if err := unix.Mknod(path, unix.S_IFBLK|0o660, int(unix.Mkdev(major, minor))); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("make the missing node %s: %w", path, err)
	}
	return os.OpenFile(path, flags, 0)
}
