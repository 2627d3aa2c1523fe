package local

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Options say what a Backend works on. Pool and Node are required; the zero
// value of every other field is a sane default.
type Options struct {
	// Pool is an existing directory on a local file system, as an absolute
	// path. It belongs to one node. xfs and btrfs make snapshots and clones
	// by reflink. The pool should have the file system for itself, and the
	// plugin must not start before that is mounted: it would take an empty
	// mount point for a new pool, and its volumes for deleted. One that is
	// unmounted later is noticed, by the file .csikit-pool.
	Pool string
	// Node is the node's name: part of every id and the value of the
	// topology key, so it must be a label value of at most 63 characters.
	Node string
	// Overcommit is how many bytes may be promised for each byte that the
	// pool can hold; 0 is 1, which promises nothing that is not there. With
	// more than 1 a full pool gives I/O errors to those who write.
	Overcommit float64
	// MaxVolumeSize limits one volume, in bytes; 0 is no limit.
	MaxVolumeSize int64
	// MaxVolumes is how many volumes the node takes; 0 is 256. The kernel's
	// own limit of loop devices is far away.
	MaxVolumes int64
	// EphemeralSize is the size in bytes of inline volumes that have no
	// attribute "size"; 0 is 1 GiB.
	EphemeralSize int64
	// MaxFreeze is how long a mounted volume may be frozen to be copied on
	// a pool without reflink; 0 is 30 seconds. See the package comment.
	MaxFreeze time.Duration
	// StaticDir holds images made by hand: NODE/image/NAME is the volume
	// in the file NAME. "" allows none.
	StaticDir string
	// Devices allows block devices as volumes, by patterns whose last
	// element may have wildcards, such as /dev/disk/by-id/nvme-Acme_*:
	// NODE/device/NAME is the device NAME in such a directory.
	Devices []string
	// DeleteStatic allows DeleteVolume to delete images in StaticDir.
	// Without it, and for devices always, DeleteVolume is refused.
	DeleteStatic bool
	// Logger is told of long copies and of what was cleaned up; nil is
	// [slog.Default].
	Logger *slog.Logger
}

var nodeName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// check returns everything that is wrong with o, each with its remedy.
func (o Options) check() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("local: "+format, args...))
		}
	}
	wrong(!filepath.IsAbs(o.Pool), "Options.Pool is %q: set it to the absolute path of the pool's directory", o.Pool)
	wrong(!nodeName.MatchString(o.Node), "Options.Node is %q: set it to the node's name, 1 to 63 letters, digits, '-', '_' and '.'", o.Node)
	wrong(o.Overcommit < 0 || o.Overcommit > 1000, "Options.Overcommit is %v: use a ratio such as 1 or 2.5, at most 1000", o.Overcommit)
	wrong(o.MaxVolumeSize < 0 || o.MaxVolumeSize > 0 && o.MaxVolumeSize < granule, "Options.MaxVolumeSize is %d bytes: use 0 for no limit, or at least %d", o.MaxVolumeSize, granule)
	wrong(o.MaxVolumes < 0, "Options.MaxVolumes is %d: use 0 for the default or a positive number", o.MaxVolumes)
	wrong(o.EphemeralSize < 0, "Options.EphemeralSize is %d bytes: use 0 for the default or a positive size", o.EphemeralSize)
	wrong(o.MaxFreeze < 0, "Options.MaxFreeze is %v: use 0 for the default or a positive duration", o.MaxFreeze)
	wrong(o.StaticDir != "" && !filepath.IsAbs(o.StaticDir), "Options.StaticDir is %q: use an absolute path, or leave it empty", o.StaticDir)
	for _, pattern := range o.Devices {
		_, err := filepath.Match(pattern, "")
		bad := err != nil || !filepath.IsAbs(pattern) || strings.ContainsAny(filepath.Dir(pattern), `*?[\`)
		wrong(bad, "Options.Devices has %q: use an absolute path with wildcards only in its last element", pattern)
	}
	return errors.Join(errs...)
}
