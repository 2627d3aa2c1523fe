package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// liveSuperblocks is where the kernel shows the file systems that are alive on a
// device, whoever has mounted them and in whichever namespace: a directory, which
// for btrfs is two above.
var liveSuperblocks = map[string]string{
	"ext4":  "/sys/fs/ext4/%s",
	"xfs":   "/sys/fs/xfs/%s",
	"btrfs": "/sys/fs/btrfs/*/devices/%s",
}

// living are the paths by which the kernel shows a file system of that type that
// is alive on d. The error wraps [errors.ErrUnsupported] if it shows none.
func (d *Device) living(fstype string) ([]string, error) {
	pattern, ok := liveSuperblocks[fstype]
	if !ok {
		return nil, fmt.Errorf("%s: the kernel does not show whether %s is alive on it: %w", d, fstype, errors.ErrUnsupported)
	}
	name := strings.ReplaceAll(d.kernelName(), "/", "!")
	if name == "" {
		return nil, fmt.Errorf("%s: sysfs does not say its name", d)
	}
	return filepath.Glob(fmt.Sprintf(pattern, name))
}

// Superblock identifies the file system that is alive on a block device at this
// moment, in whatever mount namespace it is mounted; 0 if none is. As long as the
// answer is the same it is the same one, which has been alive all the time: a file
// system that is mounted again after its last mount has gone has another, in this
// boot of the machine. (It is the inode number of its directory in sysfs, which the
// kernel counts up in 64 bits.) It opens nothing.
//
// number is as in [Device.Number], fstype the type as it is mounted. The error wraps
// [errors.ErrUnsupported] for other types than ext4, xfs and btrfs, and
// [os.ErrNotExist] if there is no such device.
func Superblock(number uint64, fstype string) (uint64, error) {
	d := &Device{number: number, name: "block device"}
	if _, err := os.Stat(d.sysfsDir()); err != nil {
		return 0, err
	}
	found, err := d.living(fstype)
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, nil
	case len(found) > 1:
		return 0, fmt.Errorf("%s has several file systems: %s", d, strings.Join(found, ", "))
	}
	dir := found[0]
	if fstype == "btrfs" {
		dir = filepath.Dir(filepath.Dir(dir))
	}
	var st unix.Stat_t
	switch err := unix.Stat(dir, &st); {
	case errors.Is(err, unix.ENOENT):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("which file system is on %s: %w", d, err)
	}
	return st.Ino, nil
}
