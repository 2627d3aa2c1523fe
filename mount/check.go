package mount

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CheckOptions checks options that come from outside, such as the mount flags
// of a PersistentVolume, for a file system of the given type (R15). The
// error wraps [ErrOption] and says which option is refused and which are
// allowed. Nothing is mounted.
//
// Names are checked against a list for ext2, ext3, ext4, xfs, btrfs, nfs, nfs4,
// cifs, smb3 and tmpfs; for other types only options that belong to every
// mount are allowed. A backend that adds options of its own to a [Mount] does
// not need this: [Kernel] checks only that they are well formed.
//
// Not allowed are options that would lose data, stop the node or reach other
// devices (errors=panic, norecovery, device=, journal_path= …), and those that
// are no property of a file system but say what to do: bind, remount, move,
// loop. "rw" is allowed and means nothing: whether a mount is writable is
// decided by the access mode. "defaults", "_netdev", "nofail", "auto", "noauto"
// and "x-…" are meant for /etc/fstab; they are allowed and dropped.
func CheckOptions(fstype string, options []Option) error {
	list := superOptions[listOf(fstype)]
	for _, o := range options {
		if isContext(o.Key) {
			o.Value = unquote(o.Value)
		}
		if err := checkShape(o); err != nil {
			return err
		}
		if isGeneric(o) {
			continue
		}
		values, ok := list[o.Key]
		if !ok {
			return fmt.Errorf("%w: %s is not allowed for %s; allowed are %s", ErrOption, o.Key, typeName(fstype), allowedNames(list))
		}
		if values != nil && !slices.Contains(values, o.Value) {
			return fmt.Errorf("%w: %s: a value not allowed; allowed are %s", ErrOption, o, strings.Join(values, ", "))
		}
	}
	return nil
}

// listOf is the type whose list a type shares.
func listOf(fstype string) string {
	switch fstype {
	case "ext2", "ext3":
		return "ext4"
	case "nfs4":
		return "nfs"
	case "smb3":
		return "cifs"
	}
	return fstype
}

func isGeneric(o Option) bool {
	if isContext(o.Key) {
		return true
	}
	return o.Value == "" && (slices.Contains(perMount, o.Key) || slices.Contains(perSuper, o.Key)) || isFstab(o.Key)
}

// isFstab says that an option is meant for programs that read /etc/fstab.
func isFstab(key string) bool {
	switch key {
	case "defaults", "_netdev", "nofail", "auto", "noauto":
		return true
	}
	return strings.HasPrefix(key, "x-")
}

func typeName(fstype string) string {
	if fstype == "" {
		return "a file system of unknown type"
	}
	return fstype
}

func allowedNames(list map[string][]string) string {
	all := slices.Concat(perMount, perSuper, slices.Sorted(maps.Keys(list)))
	return strings.Join(all, ", ")
}
