package mount

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func readLink(path string) (string, error) { return os.Readlink(path) }

// scan calls yield with every mount of the namespace until it returns false. It
// is for messages, for dead mounts and for finding other mounts of one file
// system; whether something is mounted is never decided by it (R18).
func (k *Kernel) scan(yield func(record) bool) error {
	if !k.Features().Statmount {
		return scanMountinfo(yield)
	}
	return scanBelow(listmountRoot, yield)
}

// Others lists other mounts of the same thing; see [Table].
func (k *Kernel) Others(i Info) (points []string, err error) {
	err = k.scan(func(r record) bool {
		if r.dev == i.Device && r.root == i.Root && r.id != i.ID {
			points = append(points, r.point)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("look for other mounts of %s on device %s: %w", i.Root, numberName(i.Device), err)
	}
	return points, nil
}

func scanBelow(root uint64, yield func(record) bool) error {
	return listmount(root, func(id uint64) bool {
		r, err := statmount(id, statmountDetails)
		return errors.Is(err, ErrNotMounted) || err == nil && yield(r)
	})
}

func scanMountinfo(yield func(record) bool) error {
	_, err := mountinfo.GetMounts(func(i *mountinfo.Info) (skip, stop bool) {
		return true, !yield(fromMountinfo(i))
	})
	return err
}

func mountedOld(target string) (bool, error) { return mountinfo.Mounted(target) }

// readMountinfo describes the topmost mount at target from mountinfo, and counts
// the mounts stacked there. That there is one, st has shown; it also knows the
// mount's id, as mountinfo has it. Without it (Linux before 5.8) the topmost of
// those with the target's name is taken.
func readMountinfo(target string, st unix.Statx_t) (record, int, error) {
	point, err := canonical(target)
	if err != nil {
		return record{}, 0, err
	}
	at := map[uint64]record{}
	var list []record
	if err := scanMountinfo(func(r record) bool {
		if r.point == point {
			at[r.id] = r
			list = append(list, r)
		}
		return true
	}); err != nil {
		return record{}, 0, err
	}
	if len(list) == 0 {
		return record{}, 0, lacking(target)
	}
	top, known := at[st.Mnt_id]
	if !known || st.Mask&unix.STATX_MNT_ID == 0 {
		top = topOf(list)
	}
	return top, layers(top, at), nil
}

// lacking is the error where mountinfo has no mount at target: that is no proof
// that there is none (R18). There may have been one when it was looked at.
func lacking(target string) error {
	if st, err := statTarget(target, statxOld); err == nil && isMountRoot(st) {
		return errors.New("it is a mount point, and /proc/self/mountinfo does not have it")
	}
	return ErrNotMounted
}

// layers counts the mounts from top down that have one place. Another one of
// the same name can be a twin in a shared mount below, which is not seen.
func layers(top record, at map[uint64]record) (n int) {
	for r, more := top, true; more && n < len(at); n++ {
		r, more = at[r.parent]
	}
	return n
}

func fromMountinfo(i *mountinfo.Info) record {
	r := record{
		id: uint64(i.ID), parent: uint64(i.Parent), dev: unix.Mkdev(uint32(i.Major), uint32(i.Minor)),
		root: i.Root, point: i.Mountpoint, fsType: i.FSType, source: i.Source, details: true,
		shared: strings.Contains(i.Optional, "shared:"),
	}
	var options []Option
	for o := range strings.SplitSeq(i.Options, ",") {
		options = append(options, Option{Key: o})
	}
	a, _, readOnly := takeAttrs(options)
	r.attr = a.set
	if !slices.Contains(options, Option{Key: "relatime"}) && !slices.Contains(options, Option{Key: "noatime"}) {
		r.attr |= unix.MOUNT_ATTR_STRICTATIME
	}
	if readOnly {
		r.attr |= unix.MOUNT_ATTR_RDONLY
	}
	mode, rest, _ := strings.Cut(i.VFSOptions, ",")
	r.superReadOnly, r.options = mode == "ro", rest
	return r
}
