package fs

import (
	"cmp"
	"regexp"
	"strings"
)

// A mkfs is the command that makes a file system: a tool and its arguments
// without the device.
type mkfs struct {
	tool string
	args []string
}

// flag adds an option with its value, if the value is not empty.
func (m *mkfs) flag(name, value string) {
	if value != "" {
		m.args = append(m.args, name, value)
	}
}

// list joins the parts that are not empty with commas.
func list(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, ",")
}

// set is name=value, or "" if there is no value.
func set(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + value
}

// The features of ext2, ext3 and ext4, in full after "none": nothing depends on
// the defaults of the tool or of its /etc/mke2fs.conf, and every name is known
// since e2fsprogs 1.43 (2016) and Linux 3.18 (R10).
const (
	ext2Features = "none,sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr"
	ext3Features = ext2Features + ",has_journal"
	ext4Features = ext3Features + ",extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize"
)

// ext4Extra are features that a user may add or leave out. Linux 5.4 knows them,
// but a kernel can be built without some, and e2fsprogs be older than some:
// the mount or mkfs then fails and says so.
var ext4Extra = []string{"casefold", "encrypt", "large_dir", "mmp", "project", "quota", "stable_inodes", "verity",
	"^64bit", "^dir_nlink", "^huge_file", "^metadata_csum", "^resize_inode"}

// btrfsExtra are the same for btrfs.
var btrfsExtra = []string{"^no-holes", "^free-space-tree", "^extref", "^skinny-metadata"}

// mkfsExt makes ext2, ext3 or ext4. Blocks have 4 KiB whatever the size, since
// a small volume may grow. The discard is ours, see [Device.Format]: a discard
// by the tool would take the intent away. again says that a first attempt has
// written, so not even a device that ought to read as zeros does.
func mkfsExt(f Format, again bool) mkfs {
	features := map[string]string{"ext2": ext2Features, "ext3": ext3Features, "ext4": ext4Features}[f.Type]
	if f.isTrue("ext4BigAlloc") {
		features += ",bigalloc"
	}
	if f.isTrue("ext4EncryptionSupport") {
		features += ",encrypt"
	}
	if extra := f.Options["ext4Features"]; extra != "" {
		features += "," + extra
	}
	lazyJournal := "lazy_journal_init=0"
	if f.ReadsZero && !again {
		lazyJournal = "lazy_journal_init=1"
	}
	m := mkfs{tool: "mkfs." + f.Type, args: []string{"-q"}}
	m.flag("-U", f.UUID)
	m.flag("-O", features)
	m.flag("-b", cmp.Or(f.amount("blockSize"), "4096"))
	m.flag("-I", cmp.Or(f.amount("inodeSize"), "256"))
	m.flag("-m", cmp.Or(f.amount("reservedBlocksPercentage"), "0"))
	m.flag("-i", f.amount("bytesPerInode"))
	m.flag("-N", f.amount("numberOfInodes"))
	m.flag("-C", f.amount("ext4ClusterSize"))
	m.flag("-J", set("size", f.amountIn(1<<20, "journalSize")))
	m.flag("-E", list("nodiscard", "lazy_itable_init=1", lazyJournal,
		set("stride", f.amount("stride")), set("stripe_width", f.amount("stripeWidth"))))
	m.flag("-L", f.Options["label"])
	return m
}

// mkfsXFS makes xfs with what Linux 5.15 knows. Later features are turned off
// by name, but only those that the tool's usage message names: another one
// would be an error. The files /usr/share/xfsprogs/mkfs/lts_*.conf are not used:
// that of xfsprogs 6.1 is refused by its own mkfs.xfs.
func mkfsXFS(f Format, usage string, force bool) mkfs {
	off := func(name string) string {
		if strings.Contains(usage, name+"=") {
			return name + "=0"
		}
		return ""
	}
	on := func(name, byDefault string) string {
		value := map[string]string{"": byDefault, "true": "1", "false": "0"}[f.Options[name]]
		return name + "=" + value
	}
	m := mkfs{tool: "mkfs.xfs", args: []string{"-q"}}
	if force {
		m.args = append(m.args, "-f")
	}
	if f.ReadsZero {
		m.args = append(m.args, "-K")
	}
	m.flag("-m", list("uuid="+f.UUID, "crc=1,finobt=1", on("bigtime", "1"), on("inobtcount", "1"), on("rmapbt", "0"), on("reflink", "1"), off("metadir"), off("autofsck")))
	m.flag("-i", list("sparse=1", set("size", f.amount("inodeSize")), set("maxpct", f.amount("maxInodePercentage")), off("nrext64"), off("exchange")))
	m.flag("-n", list(off("parent")))
	m.flag("-b", set("size", f.amount("blockSize")))
	m.flag("-s", set("size", f.amount("sectorSize")))
	m.flag("-d", list(set("agcount", f.amount("agCount")), set("su", f.amount("stripeUnit")), set("sw", f.amount("stripeCount"))))
	m.flag("-l", set("size", f.amount("logSize")))
	m.flag("-L", f.Options["label"])
	return m
}

// btrfsDefault matches a line of mkfs.btrfs -O list-all about a feature that is
// on by default: its name and the kernel that it needs.
var btrfsDefault = regexp.MustCompile(`(?m)^([a-z0-9-]+) .*compat=([0-9]+)\.([0-9]+).*default=`)

// mkfsBtrfs makes btrfs with what Linux 5.15 knows. features is what mkfs.btrfs
// -O list-all says: what is on by default and needs a later kernel is turned
// off. The sector size is not left to the page size of this node.
//
// mkfs.btrfs refuses a UUID that another device of the machine already has, and
// looks at all devices for it.
func mkfsBtrfs(f Format, features string, force bool) mkfs {
	var off []string
	for _, m := range btrfsDefault.FindAllStringSubmatch(features, -1) {
		if later(m[2], m[3]) {
			off = append(off, "^"+m[1])
		}
	}
	m := mkfs{tool: "mkfs.btrfs", args: []string{"-q"}}
	if force {
		m.args = append(m.args, "-f")
	}
	if f.ReadsZero {
		m.args = append(m.args, "-K")
	}
	m.flag("-U", f.UUID)
	m.flag("-s", cmp.Or(f.amount("sectorSize"), "4096"))
	m.flag("-n", f.amount("nodeSize"))
	m.flag("-m", f.Options["metadataProfile"])
	m.flag("-d", f.Options["dataProfile"])
	m.flag("-O", list(append(off, f.Options["btrfsFeatures"])...))
	m.flag("-L", f.Options["label"])
	return m
}

// later reports whether a kernel version is later than 5.15. Versions too long
// to be numbers are.
func later(major, minor string) bool {
	a, errA := parseAmount(major)
	b, errB := parseAmount(minor)
	return errA != nil || errB != nil || a > 5 || (a == 5 && b > 15)
}
