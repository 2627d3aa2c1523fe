// Command minimal is the shortest complete CSI driver: a volume is a directory.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/cli"
)

// backend is the directory that holds the volumes.
type backend string

// dir is a volume's directory. The hash keeps an id like "../x" inside.
func (b backend) dir(id string) string {
	return filepath.Join(string(b), fmt.Sprintf("%x", sha256.Sum256([]byte(id))))
}

func (b backend) CreateVolume(_ context.Context, spec csi.VolumeSpec) (*csi.Volume, error) {
	return &csi.Volume{ID: spec.Name}, os.MkdirAll(b.dir(spec.Name), 0o770) // a retry finds it made
}

func (b backend) DeleteVolume(_ context.Context, v csi.VolumeRef) error {
	return os.RemoveAll(b.dir(v.ID))
}

func (b backend) Volume(_ context.Context, v csi.VolumeRef) (*csi.Volume, error) {
	_, err := os.Stat(b.dir(v.ID))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", csi.ErrNotFound, err)
	}
	return &csi.Volume{ID: v.ID}, err
}

// Locate says where a volume is; the framework mounts and unmounts it.
func (b backend) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	_, err := b.Volume(ctx, csi.VolumeRef{ID: v.ID})
	return csi.Share{Type: "bind", Source: b.dir(v.ID)}, err
}

// Traits tells what is no method: this driver has no raw block volumes.
func (b backend) Traits() csi.Traits { return csi.Traits{Block: []csi.AccessMode{}} }

func main() {
	dir := "/var/lib/csikit/minimal-volumes"
	cli.Main(cli.Program{
		Name:    "minimal.csi.csikit.dev",
		Summary: "a volume is a directory",
		Flags:   func(fs *flag.FlagSet) { fs.StringVar(&dir, "dir", dir, "`directory` of the volumes") },
		Backend: func(context.Context, cli.Config) (csi.Locator, error) { return backend(dir), nil },
	})
}
