package csi

import (
	"errors"
	"fmt"
	"slices"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/mount"
)

// accessFromProto converts a capability that validate has accepted. The error
// wraps [ErrInvalid] and names the mount flag that is malformed.
func accessFromProto(c *csipb.VolumeCapability) (Access, error) {
	a := Access{Mode: AccessMode(c.GetAccessMode().GetMode()), Block: c.GetBlock() != nil}
	m := c.GetMount()
	if m == nil {
		return a, nil
	}
	a.FSType, a.Group = m.GetFsType(), m.GetVolumeMountGroup()
	for i, flag := range m.GetMountFlags() {
		o, err := mount.ParseOption(flag)
		if err != nil {
			return a, errors.Join(ErrInvalid, fmt.Errorf("volume_capability.mount.mount_flags[%d]: %w", i, err))
		}
		a.Options = append(a.Options, o)
	}
	return a, nil
}

func accessesFromProto(list []*csipb.VolumeCapability) ([]Access, error) {
	out := make([]Access, 0, len(list))
	for _, c := range list {
		a, err := accessFromProto(c)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// optionalAccess is accessFromProto for RPCs that may leave the capability
// out.
func optionalAccess(c *csipb.VolumeCapability) (*Access, error) {
	if c == nil {
		return nil, nil
	}
	a, err := accessFromProto(c)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// equal reports whether two accesses are the same to the spec: the order of
// mount options matters, since later ones win.
func (a Access) equal(b Access) bool {
	return a.Mode == b.Mode && a.Block == b.Block && a.FSType == b.FSType && a.Group == b.Group &&
		slices.Equal(a.Options, b.Options)
}
