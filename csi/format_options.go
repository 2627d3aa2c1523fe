package csi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/csikit/csikit/fs"
)

// encryptLUKS2 is the one kind of encryption there is.
const encryptLUKS2 = "luks2"

// The format options of a StorageClass that are about encryption. All others
// are mkfs's.
const (
	optionEncrypt     = "encrypt"
	optionLUKSDiscard = "luksDiscard"
	optionLUKSSector  = "luksSectorSize"
)

// An encryption says how a device is encrypted.
type encryption struct {
	// Kind is "" or encryptLUKS2.
	Kind string
	// Discard passes discards on to the device, which tells whoever can read
	// it which blocks are in use.
	Discard bool
	// SectorSize is that of a new header, in bytes; 0 is the device's own.
	SectorSize int
}

// encryptionOptions are the values that each of these options may have.
var encryptionOptions = map[string][]string{
	optionEncrypt:     {encryptLUKS2},
	optionLUKSDiscard: {"true", "false"},
	optionLUKSSector:  {"512", "1024", "2048", "4096"},
}

// splitFormat separates the options of encryption from those of mkfs. The
// error wraps [ErrInvalid].
func splitFormat(all map[string]string) (e encryption, mkfs map[string]string, err error) {
	mkfs = maps.Clone(all)
	for _, name := range slices.Sorted(maps.Keys(encryptionOptions)) {
		value, given := all[name]
		if !given {
			continue
		}
		delete(mkfs, name)
		if allowed := encryptionOptions[name]; !slices.Contains(allowed, value) {
			return e, nil, refuse(ErrInvalid, "%s%s is %q: want %s", formatPrefix, name, value, strings.Join(allowed, " or "))
		}
		if name != optionEncrypt && all[optionEncrypt] == "" {
			return e, nil, refuse(ErrInvalid, "%s%s needs %s%s", formatPrefix, name, formatPrefix, optionEncrypt)
		}
	}
	e.Kind, e.Discard = all[optionEncrypt], all[optionLUKSDiscard] == "true"
	if size := all[optionLUKSSector]; size != "" {
		_, err = fmt.Sscan(size, &e.SectorSize)
	}
	return e, mkfs, err
}

// checkFormat refuses format options of a class before a volume is made that
// could not be staged: the user learns of it from the claim, not from the pod.
// For a raw device the options of mkfs do not count. Where nothing names the
// file system the backend may still choose one, so that it is enough if the
// options suit any.
func checkFormat(all map[string]string, access []Access, defaultType string) error {
	_, mkfs, err := splitFormat(all)
	if err != nil || len(mkfs) == 0 {
		return err
	}
	for _, a := range access {
		if a.Block {
			continue
		}
		err := fs.CheckOptions(cmp.Or(a.FSType, defaultType), mkfs)
		if err != nil && (a.FSType != "" || !slices.ContainsFunc(mountable, func(t string) bool { return fs.CheckOptions(t, mkfs) == nil })) {
			return hostError(err, "StorageClass parameters %s*", formatPrefix)
		}
	}
	return nil
}
