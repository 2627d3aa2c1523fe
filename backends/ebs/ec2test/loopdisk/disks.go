package loopdisk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/internal/loopdev"
)

// ByID is the directory in which udev makes links to disks.
const ByID = "/dev/disk/by-id"

// New returns disks for [ec2test.Options].Disks that have their links in the
// directory links; [ByID] if empty. Two servers of one machine must not share
// it: under one seed their volumes have the same ids.
func New(links string) ec2test.Disks {
	if links == "" {
		links = ByID
	}
	return disks{links}
}

type disks struct{ links string }

// linkPath is where the link of a volume is.
func linkPath(dir, volume string) string {
	return filepath.Join(dir, "nvme-Amazon_Elastic_Block_Store_"+strings.ReplaceAll(volume, "-", ""))
}

// Plug implements [ec2test.Disks].
func (l disks) Plug(ctx context.Context, d ec2test.Disk) error {
	image, err := os.OpenFile(d.Image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = image.Close() }()
	link := linkPath(l.links, d.VolumeID)
	if err := l.unclaimed(link, image); err != nil {
		return err
	}
	loop, err := loopdev.Ensure(ctx, image)
	if err != nil {
		return err
	}
	return relink(loop.Path, link)
}

// unclaimed returns an error if link shows the disk of another server that uses
// the same links.
func (l disks) unclaimed(link string, image *os.File) error {
	device, err := os.Open(link)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENXIO) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = device.Close() }()
	other, err := loopdev.Status(device)
	if errors.Is(err, loopdev.ErrUnbound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s is no link of a loop device: %w", link, err)
	}
	dev, ino, err := loopdev.Identity(image)
	if err == nil && (other.Device != dev || other.Inode != ino) && backingName(device) == filepath.Base(image.Name()) {
		err = fmt.Errorf("%s shows %s, a disk of another server: give each its own directory of links, or its own seed", link, other.Path)
	}
	return err
}

// relink makes or replaces a link in one step.
func relink(target, link string) error {
	if have, err := os.Readlink(link); err == nil && have == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	fresh := link + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, link)
}

// Unplug implements [ec2test.Disks]. By force, a device that is in use stays
// until its last user closes it.
func (l disks) Unplug(ctx context.Context, d ec2test.Disk, force bool) error {
	if len(d.Elsewhere) > 0 {
		return nil // on this machine too
	}
	image, err := os.OpenFile(d.Image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = image.Close() }()
	loop, err := loopdev.Of(image)
	if err != nil {
		return err
	}
	if loop != nil && !force {
		if err := unused(loop.Path); err != nil {
			return err
		}
	}
	if err := os.Remove(linkPath(l.links, d.VolumeID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if loop == nil {
		return nil
	}
	return loopdev.DetachAll(ctx, image)
}

// unused returns [ec2test.ErrDiskBusy] if a device is mounted or claimed.
func unused(device string) error {
	f, err := os.OpenFile(device, os.O_RDONLY|syscall.O_EXCL, 0)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w: %s", ec2test.ErrDiskBusy, device)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Grown implements [ec2test.Disks]: the device follows its image, as an NVMe
// disk does when its namespace has changed.
func (l disks) Grown(_ context.Context, d ec2test.Disk) error {
	image, err := os.OpenFile(d.Image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = image.Close() }()
	return loopdev.Follow(image)
}
