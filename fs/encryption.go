package fs

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// LUKS says how a volume is encrypted on its device.
type LUKS struct {
	// UUID is the volume's own, as in [Format], but not that of its file
	// system. A header made here has it, and the name of the volume's mapping
	// is made of it. A header made elsewhere, such as that of the volume which
	// a clone was copied from, may have another.
	UUID string
	// SectorSize is that of a new header, in bytes: 512, 1024, 2048 or 4096;
	// 0 is the logical block size of the device. A file system's blocks
	// cannot be smaller.
	SectorSize int
	// Discard passes discards on to the device. Whoever reads the device then
	// sees which blocks are in use; without it thin storage never shrinks.
	Discard bool
	// ReadOnly opens the device for reading only.
	ReadOnly bool
}

// A Passphrase opens an encrypted device. It is used byte by byte as it is, a
// line end included, and never printed.
type Passphrase string

const redacted = "***redacted***"

// String implements [fmt.Stringer].
func (Passphrase) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (Passphrase) GoString() string { return redacted }

// Format implements [fmt.Formatter], for the verbs that ignore Stringer.
func (Passphrase) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements [slog.LogValuer].
func (Passphrase) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Passphrase) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// TypeLUKS is the [Content.Type] of an encrypted device.
const TypeLUKS = "crypto_LUKS"

// luksOffset is where the data begins behind a header made here: cryptsetup's
// default, 16 MiB.
const luksOffset = 16 << 20

// luksLeast is the size of a device that is worth a header.
const luksLeast = luksOffset + 1<<20

func (l LUKS) check() error {
	if id, err := uuid.Parse(l.UUID); err != nil || id == uuid.Nil || id.String() != l.UUID {
		return fmt.Errorf("%w: UUID %q of an encrypted volume is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", ErrOption, l.UUID)
	}
	if sizes := []int{0, 512, 1024, 2048, 4096}; !slices.Contains(sizes, l.SectorSize) {
		return fmt.Errorf("%w: encryption sector size %d is not one of %v", ErrOption, l.SectorSize, sizes)
	}
	return nil
}

// name is that of the mapping, and of the one that a header is made through.
// The kernel keeps the name that a mapping was made with in its UUID, which
// renaming does not change: by that a mapping is known to be the volume's.
func (l LUKS) name() string    { return "csikit-" + l.UUID }
func (l LUKS) forming() string { return l.name() + "-forming" }

// maker returns the name that a mapping was made with by its UUID in the
// kernel, CRYPT-LUKS2-<header>-<name>; "" if it is no mapping of LUKS2.
func maker(dmUUID string) string {
	rest, ok := strings.CutPrefix(dmUUID, "CRYPT-LUKS2-")
	const header = 32 // hexadecimal digits
	if !ok || len(rest) < header+2 || rest[header] != '-' {
		return ""
	}
	return rest[header+1:]
}
