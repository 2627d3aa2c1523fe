package fs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	allTypes  = []string{"ext2", "ext3", "ext4", "xfs", "btrfs"}
)

// options is the allow-list. The names up to ext4EncryptionSupport are those
// of the StorageClass parameters of the EBS CSI driver.
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
	{"reflink", xfsOnly, boolean},
	{"nodeSize", btrfsOnly, powerOfTwo(4<<10, 64<<10)},
	{"sectorSize", btrfsOnly, powerOfTwo(4<<10, 64<<10)},
	{"metadataProfile", btrfsOnly, oneOf("single", "dup")},
	{"dataProfile", btrfsOnly, oneOf("single", "dup")},
	{"label", extTypes, label(16)},
	{"label", xfsOnly, label(12)},
	{"label", btrfsOnly, label(255)},
}

// CheckFormat refuses what Format would refuse before it looks at a device: an
// unknown type, an option that this type does not have, a bad value, a UUID
// that is none. The error wraps [ErrOption] and says what is allowed. It
// touches nothing and may be called anywhere, a controller included.
func CheckFormat(f Format) error {
	if !slices.Contains(allTypes, f.Type) {
		return fmt.Errorf("%w: file system type %q is not one of %s", ErrOption, f.Type, strings.Join(allTypes, ", "))
	}
	if id, err := uuid.Parse(f.UUID); err != nil || id == uuid.Nil || id.String() != strings.ToLower(f.UUID) {
		return fmt.Errorf("%w: UUID %q of a new %s is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", ErrOption, f.UUID, f.Type)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Options)) {
		if err := checkOption(f.Type, name, f.Options[name]); err != nil {
			return err
		}
	}
	return checkTogether(f)
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
func checkTogether(f Format) error {
	o := f.Options
	bigAlloc, _ := strconv.ParseBool(o["ext4BigAlloc"])
	switch {
	case o["ext4ClusterSize"] != "" && !bigAlloc:
		return fmt.Errorf("%w: ext4ClusterSize needs ext4BigAlloc=true", ErrOption)
	case o["bytesPerInode"] != "" && o["numberOfInodes"] != "":
		return fmt.Errorf("%w: bytesPerInode and numberOfInodes exclude each other", ErrOption)
	}
	return nil
}
