package loopdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/watch"
)

// Each calls visit for every bound loop device of the machine, until visit
// returns an error; [Open] opens one. Devices that come or go meanwhile may be
// left out. An error of the kernel ends the walk: half a list would let a file be
// attached twice.
//
// The kernel asks the file system of the backing file, which may be a share of
// somebody else whose server is dead or silent; and while it reads a partition
// table from there, nobody can open the device. A device of which nothing is
// learned is left out, unless mine, given the path of the backing file that
// sysfs has, says that the caller may be looking for it: then Each returns an
// error, after a second at most.
func Each(mine func(backing string) bool, visit func(Info) error) error {
	names, err := boundOnes()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := visitOne(name, mine, visit); err != nil {
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

func visitOne(name string, mine func(string) bool, visit func(Info) error) error {
	a, err := watch.Call(&asked, "/dev/"+name, patience, func() (answer, error) { return ask(name) })
	switch {
	case errors.Is(err, unix.ENXIO), errors.Is(err, fs.ErrNotExist):
		return nil // detached or removed since it was listed
	case err == nil:
		return visit(infoOf(a.status))
	case a.closed:
		return err
	}
	text, readErr := os.ReadFile("/sys/block/" + name + "/loop/backing_file")
	switch backing := strings.TrimSuffix(string(text), "\n"); {
	case errors.Is(readErr, fs.ErrNotExist): // detached meanwhile
		return nil
	case readErr != nil || mine(backing):
		return fmt.Errorf("whether %s, of a file %q, is a device of the one looked for cannot be told: %w (its server may be dead: detach it with losetup -d)",
			"/dev/"+name, backing, errors.Join(err, readErr))
	}
	return nil
}

// An answer is what a device says of itself.
type answer struct {
	status *unix.LoopInfo64
	closed bool // it could not be opened, and the kernel said why at once
}

// ask opens a device, asks it and closes it: each of the three may wait for the
// file system of its backing file.
func ask(name string) (answer, error) {
	device, err := open(name, os.O_RDONLY)
	if err != nil {
		return answer{closed: true}, err
	}
	s, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
	return answer{status: s}, errors.Join(err, device.Close())
}

// Find lists the loop devices that are bound to an open file. A device of which
// nothing is learned counts as bound to another file if the path of its backing
// file differs in the last two elements, and is an error otherwise: an earlier
// process may have seen the same file below another mount point.
func Find(backing *os.File) ([]Info, error) {
	dev, ino, err := Identity(backing)
	if err != nil {
		return nil, err
	}
	var found []Info
	err = eachOf(backing, func(info Info) error {
		if info.Device == dev && info.Inode == ino {
			found = append(found, info)
		}
		return nil
	})
	return found, err
}

// eachOf is Each for a caller who looks for the devices of one file.
func eachOf(backing *os.File, visit func(Info) error) error {
	own, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", backing.Fd()))
	if err != nil {
		return err
	}
	return Each(func(other string) bool { return sameEnd(own, other, 2) }, visit)
}

// sameEnd reports whether the last n elements of two paths are the same, or as
// many as the shorter one has.
func sameEnd(a, b string, n int) bool {
	as, bs := strings.Split(strings.Trim(a, "/"), "/"), strings.Split(strings.Trim(b, "/"), "/")
	for i := 1; i <= min(n, len(as), len(bs)); i++ {
		if as[len(as)-i] != bs[len(bs)-i] {
			return false
		}
	}
	return true
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

// patience is how long the file system of a backing file may take to answer.
var patience = time.Second

// asked are the devices of which nothing was learned in time.
var asked watch.Watch

// status asks the kernel, which asks the file system of the backing file.
func status(device *os.File) (*unix.LoopInfo64, error) {
	raw, err := device.SyscallConn() // keeps the descriptor until the kernel returns
	if err != nil {
		return nil, err
	}
	return watch.Call(&asked, device.Name(), patience, func() (s *unix.LoopInfo64, err error) {
		closed := raw.Control(func(fd uintptr) { s, err = unix.IoctlLoopGetStatus64(int(fd)) })
		return s, errors.Join(closed, err)
	})
}

// Status says what an open loop device is bound to. [ErrUnbound] is returned
// if it is bound to nothing. It is an error if the backing file is on a share
// that does not answer within a second.
func Status(device *os.File) (Info, error) {
	s, err := status(device)
	if errors.Is(err, unix.ENXIO) {
		return Info{}, fmt.Errorf("%s: %w", device.Name(), ErrUnbound)
	}
	if err != nil {
		return Info{}, fmt.Errorf("status of %s, which should be a loop device: %w", device.Name(), err)
	}
	return infoOf(s), nil
}

func infoOf(s *unix.LoopInfo64) Info {
	return Info{
		Path: "/dev/loop" + strconv.Itoa(int(s.Number)), Number: s.Number,
		Device: s.Device, Inode: s.Inode, BackingDevice: s.Rdevice,
		Offset: s.Offset, SizeLimit: s.Sizelimit,
		ReadOnly:  s.Flags&unix.LO_FLAGS_READ_ONLY != 0,
		Autoclear: s.Flags&unix.LO_FLAGS_AUTOCLEAR != 0,
		DirectIO:  s.Flags&unix.LO_FLAGS_DIRECT_IO != 0,
	}
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
