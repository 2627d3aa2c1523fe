package fs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Format says which file system to make.
type Format struct {
	// Type is "ext2", "ext3", "ext4", "xfs" or "btrfs".
	Type string
	// UUID is the volume's own, always the same for the same volume and
	// never that of another one, in the form of RFC 9562. A half-made file
	// system is recognised by it (R9).
	UUID string
	// Options are those that the package comment lists, by name.
	Options map[string]string
	// ReadsZero promises that the device reads as zeros everywhere, not only
	// where a probe looked. It saves the discard and, for ext3 and ext4, the
	// zeroing of the journal. An old journal on a device that only looked
	// like zeros would be replayed over new data.
	ReadsZero bool
}

// An option is one name of the allow-list of Format.Options.
type option struct {
	name  string
	types []string
	check func(value string) error
}

var (
	extTypes  = []string{"ext2", "ext3", "ext4"}
	ext4Only  = []string{"ext4"}
	xfsOnly   = []string{"xfs"}
	btrfsOnly = []string{"btrfs"}
	journaled = []string{"ext3", "ext4"}
	allTypes  = []string{"ext2", "ext3", "ext4", "xfs", "btrfs"}
)

// options is the allow-list. The names up to ext4EncryptionSupport are those
// of the StorageClass parameters of the EBS CSI driver. Every value of every
// one makes what Linux 5.15 can mount (R10), and what is recognised when mkfs is
// killed (R9): that is why btrfs keeps its CRC32C.
var options = []option{
	{"blockSize", extTypes, powerOfTwo(1<<10, 64<<10)},
	{"blockSize", xfsOnly, powerOfTwo(1<<10, 64<<10)},
	{"inodeSize", extTypes, powerOfTwo(128, 64<<10)},
	{"inodeSize", xfsOnly, powerOfTwo(512, 2<<10)},
	{"bytesPerInode", extTypes, between(1<<10, 64<<20)},
	{"numberOfInodes", extTypes, between(16, 1<<32-1)},
	{"ext4BigAlloc", ext4Only, boolean},
	{"ext4ClusterSize", ext4Only, powerOfTwo(2<<10, 256<<20)},
	{"ext4EncryptionSupport", ext4Only, boolean},
	{"reservedBlocksPercentage", extTypes, between(0, 50)},
	{"journalSize", journaled, multipleOf(1<<20, 4<<20, 40960<<20)},
	{"stride", extTypes, between(1, 1<<16)},
	{"stripeWidth", extTypes, between(1, 1<<20)},
	{"ext4Features", ext4Only, listOf(ext4Extra...)},
	{"reflink", xfsOnly, boolean},
	{"rmapbt", xfsOnly, boolean},
	{"bigtime", xfsOnly, boolean},
	{"inobtcount", xfsOnly, boolean},
	{"sectorSize", xfsOnly, powerOfTwo(512, 32<<10)},
	{"agCount", xfsOnly, between(1, xfsMostGroups)},
	{"maxInodePercentage", xfsOnly, between(0, 100)},
	{"logSize", xfsOnly, multipleOf(1<<20, 10<<20, 2047<<20)},
	{"stripeUnit", xfsOnly, multipleOf(4<<10, 4<<10, 1<<30)},
	{"stripeCount", xfsOnly, between(1, 1<<16)},
	{"nodeSize", btrfsOnly, powerOfTwo(4<<10, 64<<10)},
	{"sectorSize", btrfsOnly, powerOfTwo(4<<10, 64<<10)},
	{"metadataProfile", btrfsOnly, oneOf("single", "dup")},
	{"dataProfile", btrfsOnly, oneOf("single", "dup")},
	{"btrfsFeatures", btrfsOnly, listOf(btrfsExtra...)},
	{"label", extTypes, label(16)},
	{"label", xfsOnly, label(12)},
	{"label", btrfsOnly, label(255)},
}

// CheckFormat refuses what Format would refuse before it looks at a device: an
// unknown type, an option that this type does not have, a bad value, a UUID
// that is none. The error wraps [ErrOption] and says what is allowed. It
// touches nothing and may be called anywhere, a controller included.
func CheckFormat(f Format) error {
	if err := CheckOptions(f.Type, f.Options); err != nil {
		return err
	}
	if id, err := uuid.Parse(f.UUID); err != nil || id == uuid.Nil || id.String() != strings.ToLower(f.UUID) {
		return fmt.Errorf("%w: UUID %q of a new %s is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", ErrOption, f.UUID, f.Type)
	}
	return nil
}

// CheckOptions is [CheckFormat] without the UUID, for whoever knows the options
// before the volume: a controller that makes one.
func CheckOptions(fsType string, options map[string]string) error {
	if !slices.Contains(allTypes, fsType) {
		return fmt.Errorf("%w: file system type %q is not one of %s", ErrOption, fsType, strings.Join(allTypes, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if err := checkOption(fsType, name, options[name]); err != nil {
			return err
		}
	}
	return checkTogether(options)
}

func checkOption(kind, name, value string) error {
	var allowed []string
	for _, o := range options {
		if !slices.Contains(o.types, kind) {
			continue
		}
		if o.name == name {
			if err := o.check(value); err != nil {
				return fmt.Errorf("%w: %s=%q for %s: %w", ErrOption, name, value, kind, err)
			}
			return nil
		}
		allowed = append(allowed, o.name)
	}
	return fmt.Errorf("%w: %s has no option %q; it has %s", ErrOption, kind, name, strings.Join(allowed, ", "))
}

// checkTogether refuses options that contradict each other.
func checkTogether(o map[string]string) error {
	amount := func(name string) int64 { n, _ := parseAmount(o[name]); return n }
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{o["ext4ClusterSize"] != "" && o["ext4BigAlloc"] != "true", "ext4ClusterSize needs ext4BigAlloc=true"},
		{o["ext4ClusterSize"] != "" && amount("ext4ClusterSize") < amount("blockSize"), "ext4ClusterSize is less than blockSize"},
		{o["bytesPerInode"] != "" && o["numberOfInodes"] != "", "bytesPerInode and numberOfInodes exclude each other"},
		{(o["stripeUnit"] == "") != (o["stripeCount"] == ""), "stripeUnit and stripeCount need each other"},
	} {
		if c.bad {
			return fmt.Errorf("%w: %s", ErrOption, c.text)
		}
	}
	return nil
}
