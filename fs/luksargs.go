package fs

import (
	"slices"
	"strconv"

	"github.com/csikit/csikit/internal/proc"
)

// keyDerivation is what it costs to try a passphrase: the second choice of RFC
// 9106, section 4, Argon2id with 64 MiB. cryptsetup's own choice measures the
// machine and takes up to 1 GiB, which the memory limit of a plugin kills.
var keyDerivation = []string{"--pbkdf", "argon2id", "--pbkdf-memory", "65536", "--pbkdf-parallel", "4", "--pbkdf-force-iterations", "4"}

// luksFormatArgs make a LUKS2 header in the file that cryptsetup inherits.
func luksFormatArgs(uuid string, sectorSize int) []string {
	args := []string{
		"luksFormat", "--type", "luks2", "--uuid", uuid,
		"--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha256",
		"--sector-size", strconv.Itoa(sectorSize), "--offset", strconv.Itoa(luksOffset / 512),
	}
	return slices.Concat(args, keyDerivation, fromStdin, []string{proc.ChildPath(0)})
}

// openArgs open the device that cryptsetup inherits. The volume key goes into
// the mapping's table and not into the kernel's keyring: containers often have
// none, and a mapping that uses it asks for the passphrase when it is to grow.
func (l LUKS) openArgs() []string {
	args := []string{"open", "--type", "luks2", "--disable-keyring"}
	if l.Discard {
		args = append(args, "--allow-discards")
	}
	if l.ReadOnly {
		args = append(args, "--readonly")
	}
	return slices.Concat(args, fromStdin, []string{proc.ChildPath(0), l.name()})
}

// fromStdin makes cryptsetup read the passphrase to the end of its input, as
// it is. A prompt would end at the first line end.
var fromStdin = []string{"--key-file", "-"}

// detached opens a device by a header that is in a file of its own.
var detached = []string{"--header", proc.ChildPath(1), proc.ChildPath(0)}
