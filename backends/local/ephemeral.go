package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/csikit/csikit/csi"
)

// CreateEphemeral implements [csi.Ephemeral]. The pod's attributes can be size
// (a Kubernetes quantity) and allocation (thin or thick); those of others, with
// a domain before a slash, are ignored.
func (b *Backend) CreateEphemeral(ctx context.Context, v csi.NodeVolume) error {
	want, parameters := b.o.EphemeralSize, map[string]string{}
	for key, value := range v.Context {
		switch {
		case strings.Contains(key, "/"):
		case key == "size":
			q, err := resource.ParseQuantity(value)
			if err != nil || q.Sign() <= 0 {
				return fmt.Errorf("%w: attribute size is %q: use a quantity such as 1Gi", csi.ErrInvalid, value)
			}
			want = q.Value()
		default:
			parameters[key] = value
		}
	}
	thick, err := allocation(parameters, nil)
	if err != nil {
		return fmt.Errorf("%w (besides the attribute size)", err)
	}
	size, err := csi.SizeRange{Required: want}.Fit(granule, granule, b.o.MaxVolumeSize)
	if err != nil {
		return err
	}
	_, err = b.create(ctx, place{ephemeral, hashOf(v.ID)}, meta{Name: v.ID, Size: size, Promised: size, Thick: thick}, nil)
	return err
}

// DeleteEphemeral implements [csi.Ephemeral].
func (b *Backend) DeleteEphemeral(ctx context.Context, v csi.NodeVolume) error {
	if err := b.delete(ctx, place{ephemeral, hashOf(v.ID)}); !errors.Is(err, csi.ErrNotFound) {
		return err
	}
	return nil
}

// EphemeralVolumes implements [csi.Ephemeral]. A volume that cannot be read is
// left out and logged, since every unpublish of the node asks for this list; its
// own leaves its image behind.
func (b *Backend) EphemeralVolumes(context.Context) (ids []string, err error) {
	names, err := b.names(ephemeral)
	for _, name := range names {
		e, err := b.load(place{ephemeral, name})
		if err == nil && !strings.HasPrefix(name, ".") {
			ids = append(ids, e.Name)
		} else if err != nil && !errors.Is(err, csi.ErrNotFound) {
			b.o.Logger.Error("an inline volume cannot be read", "entry", e.dir, "error", err)
		}
	}
	return ids, err
}
