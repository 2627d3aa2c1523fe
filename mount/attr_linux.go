package mount

import (
	"slices"

	"golang.org/x/sys/unix"
)

// An attrName ties the name of a per-mount option to what it sets or clears,
// for mount_setattr(2) and for mount(2).
type attrName struct {
	name       string
	set, clear uint64
}

const atimeBits = unix.MOUNT_ATTR__ATIME

var attrNames = []attrName{
	{"nodev", unix.MOUNT_ATTR_NODEV, 0}, {"dev", 0, unix.MOUNT_ATTR_NODEV},
	{"nosuid", unix.MOUNT_ATTR_NOSUID, 0}, {"suid", 0, unix.MOUNT_ATTR_NOSUID},
	{"noexec", unix.MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, unix.MOUNT_ATTR_NOEXEC},
	{"nodiratime", unix.MOUNT_ATTR_NODIRATIME, 0}, {"diratime", 0, unix.MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", unix.MOUNT_ATTR_NOSYMFOLLOW, 0}, {"symfollow", 0, unix.MOUNT_ATTR_NOSYMFOLLOW},
	{"noatime", unix.MOUNT_ATTR_NOATIME, atimeBits}, {"strictatime", unix.MOUNT_ATTR_STRICTATIME, atimeBits},
	{"relatime", unix.MOUNT_ATTR_RELATIME, atimeBits}, {"atime", unix.MOUNT_ATTR_RELATIME, atimeBits},
}

// attrs is a change of a mount's attributes, as mount_setattr(2) takes it.
type attrs struct{ set, clear uint64 }

func (a attrs) empty() bool { return a.set == 0 && a.clear == 0 }

// apply is what the attributes now become.
func (a attrs) apply(now uint64) uint64 { return now&^a.clear | a.set }

// takeAttrs separates the per-mount options from those of the file system;
// the last of contradicting ones wins. Options for /etc/fstab and "rw" are dropped,
// "ro" is in readOnly.
func takeAttrs(options []Option) (a attrs, super []Option, readOnly bool) {
	for _, o := range options {
		i := slices.IndexFunc(attrNames, func(n attrName) bool { return n.name == o.Key && o.Value == "" })
		switch {
		case i >= 0:
			n := attrNames[i]
			a.clear |= n.clear | n.set
			a.set = a.set&^n.clear | n.set
		case o.Key == "ro" && o.Value == "":
			readOnly = true
		case o.Key == "rw" && o.Value == "", isFstab(o.Key):
		default:
			super = append(super, o)
		}
	}
	return a, super, readOnly
}

// flagNames are the names of attributes in effect; relatime, the default, has
// none.
func flagNames(attr uint64) []string {
	var out []string
	for _, n := range attrNames {
		mask := n.set
		if n.clear&atimeBits != 0 {
			mask = atimeBits
		}
		if n.set != 0 && attr&mask == n.set {
			out = append(out, n.name)
		}
	}
	return out
}

// Lacks names those of the options that a mount (not a superblock) can have, see
// [Binding], which are not in effect (R4). Others are not looked at. Of options
// that contradict each other the last one counts.
func (i Info) Lacks(options []Option) (missing []string) {
	a, _, _ := takeAttrs(options)
	for _, n := range attrNames {
		asked := n.set != 0 && slices.Contains(flagNames(a.set), n.name)
		if asked && !slices.Contains(i.Flags, n.name) {
			missing = append(missing, n.name)
		}
		cleared := n.set == 0 && n.clear != 0 && a.clear&n.clear == n.clear && a.set&n.clear == 0
		if cleared && slices.Contains(i.Flags, "no"+n.name) {
			missing = append(missing, n.name)
		}
	}
	return missing
}

// oldFlags are the attributes as flags of mount(2).
func oldFlags(attr uint64) uintptr {
	var f uintptr
	for _, p := range [...]struct {
		attr uint64
		flag uintptr
	}{
		{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY}, {unix.MOUNT_ATTR_NODEV, unix.MS_NODEV}, {unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
		{unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC}, {unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME},
		{unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW}, {unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME},
		{unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME},
	} {
		if attr&p.attr != 0 {
			f |= p.flag
		}
	}
	return f
}
