// Command local is the CSI driver of local disks: volumes are image files in a
// pool directory of the node, attached as loop devices. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"strings"
	"time"

	"github.com/csikit/csikit/backends/local"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/cli"
	"github.com/csikit/csikit/csi/deploy"
)

// name is the driver's name in StorageClasses.
const name = "local.csi.csikit.dev"

// pool is where a cluster's nodes keep the volumes, unless --pool says otherwise.
const pool = "/var/lib/csikit/pool"

func main() { cli.Main(program()) }

// program is the driver before its command line is read.
func program() cli.Program {
	var s settings
	return cli.Program{
		Name:    name,
		Summary: "volumes on local disks, as loop devices of image files",
		Flags:   s.register,
		Backend: func(_ context.Context, c cli.Config) (csi.Locator, error) { return s.backend(c) },
		Kubernetes: deploy.Hints{
			Image:     "csikit-local:dev",
			NodeLocal: true,
			Args:      []string{"--pool=" + pool},
			PathFlags: []string{"pool", "static-dir"},
			Samples: deploy.Samples{
				FSType: "xfs", Parameters: map[string]string{"allocation": "thin"},
				Inline: map[string]string{"size": "1Gi"}, StaticHandle: "NODE/device/NAME",
			},
		},
	}
}

// settings are the flags of this driver.
type settings struct {
	local.Options
	maxVolumeSize, ephemeralSize quantity
	devices                      list
}

func (s *settings) register(fs *flag.FlagSet) {
	fs.StringVar(&s.Pool, "pool", "", "`directory` of the images, on a local file system of this node; required")
	fs.Float64Var(&s.Overcommit, "overcommit", 1, "`bytes` that may be promised for each byte that the pool can hold")
	fs.Int64Var(&s.MaxVolumes, "max-volumes", 256, "`number` of volumes that this node takes")
	fs.Var(&s.maxVolumeSize, "max-volume-size", "largest `size` of a volume, such as 100Gi; empty is no limit")
	fs.Var(&s.ephemeralSize, "ephemeral-size", "`size` of inline volumes that say none; empty is 1Gi")
	fs.Var(&s.devices, "allow-device", "comma-separated `patterns` of block devices that may be volumes, such as /dev/disk/by-id/nvme-*")
	fs.StringVar(&s.StaticDir, "static-dir", "", "`directory` of images made by hand that may be volumes")
	fs.BoolVar(&s.DeleteStatic, "delete-static", false, "let DeleteVolume delete images in --static-dir")
	fs.DurationVar(&s.MaxFreeze, "max-freeze", 30*time.Second, "longest `time` that a mounted volume is frozen to be copied")
}

// backend makes the backend of the flags.
func (s *settings) backend(c cli.Config) (csi.Locator, error) {
	if s.Pool == "" {
		return nil, errors.New("no pool: set --pool or X_CSI_POOL to a directory on a local file system, such as /var/lib/csikit/pool")
	}
	o := s.Options
	o.Node, o.Logger = c.NodeID, c.Log
	o.MaxVolumeSize, o.EphemeralSize, o.Devices = int64(s.maxVolumeSize), int64(s.ephemeralSize), s.devices
	b, err := local.New(o)
	if err != nil {
		return nil, errors.New(flagsOf.Replace(err.Error())) // not b: a nil *Backend is no nil Locator
	}
	return b, nil
}

// flagsOf says of the backend's options which flags set them.
var flagsOf = strings.NewReplacer(
	"local: Options.Pool", "--pool", "local: Options.Node", "--node-id", "local: Options.Overcommit", "--overcommit",
	"local: Options.MaxVolumeSize", "--max-volume-size", "local: Options.MaxVolumes", "--max-volumes",
	"local: Options.EphemeralSize", "--ephemeral-size", "local: Options.MaxFreeze", "--max-freeze",
	"local: Options.StaticDir", "--static-dir", "local: Options.Devices", "--allow-device",
)
