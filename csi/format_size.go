package csi

import (
	"cmp"
	"slices"

	"github.com/csikit/csikit/fs"
)

// luksHeader is what LUKS2 takes of a device by default (cryptsetup-luksFormat(8)).
const luksHeader = 16 << 20

// checkFilesystems refuses a file system that no node could make on the volume,
// and returns the size range that those asked for need: mkfs.xfs takes no device
// below 300 MiB, and the user shall learn of it from the claim, or get a larger
// volume if there is no limit. A copy has its file system already.
//
// Only drivers with raw volumes are sure to have devices; what is asked of a
// share is its server's business. A backend that checks access by itself knows
// best which file systems there are.
func (c *creation) checkFilesystems(size SizeRange) (SizeRange, error) {
	f := &c.d.features
	if !f.offersBlock() || f.traits.PerPod || c.source != (ContentSource{}) {
		return size, nil
	}
	encrypt, options, err := splitFormat(c.format)
	if err != nil {
		return size, err
	}
	for _, a := range c.spec.Access {
		if a.Block {
			continue
		}
		how := fs.Format{Type: cmp.Or(a.FSType, c.d.opts.DefaultFSType), Options: options}
		if f.access == nil && !slices.Contains(mountable, how.Type) {
			return size, refuse(ErrInvalid, "CreateVolume %s: file system %q is none that a node can make: use one of %q", c.spec.Name, how.Type, mountable)
		}
		least := fs.MinSize(how)
		if encrypt.Kind != "" && least > 0 {
			least += luksHeader
		}
		if size.Limit > 0 && size.Limit < least {
			return size, refuse(ErrOutOfRange, "CreateVolume %s: limit_bytes is %d, and %s needs a volume of at least %d bytes", c.spec.Name, size.Limit, how.Type, least)
		}
		size.Required = max(size.Required, least)
	}
	return size, nil
}
