package ebs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/nvme"
	"github.com/csikit/csikit/internal/pace"
)

// contextPartition in a volume's context is the number of the partition to use,
// of volumes made by hand, as aws-ebs-csi-driver has it.
const contextPartition = "partition"

// devicePoll is the time between two looks for a device, which takes a few files
// of sysfs.
const devicePoll = 50 * time.Millisecond

// Locate implements [csi.Locator]: it waits for the disk whose serial is the
// volume's id. It makes no call.
func (b *Backend) Locate(ctx context.Context, v csi.NodeVolume) (csi.Source, error) {
	if !volumeID.MatchString(v.ID) {
		return nil, notFound("volume", v.ID)
	}
	find := b.o.FindDevice
	if find == nil {
		find = finder{nvme.Machine}.find
	}
	wait, cancel := context.WithTimeout(ctx, b.o.DeviceTimeout)
	defer cancel()
	for {
		device, err := find(wait, v)
		if err == nil {
			device.Format = formatOf(v)
			return device, nil
		}
		if !errors.Is(err, csi.ErrNotFound) {
			return nil, err
		}
		if pace.Sleep(wait, devicePoll) != nil {
			return nil, fmt.Errorf("%w: volume %s is attached, but its disk did not appear within %v: %s (look at dmesg and at lsblk -o NAME,SERIAL; if the instance shows no new disk, detach the volume)",
				csi.ErrUnavailable, v.ID, b.o.DeviceTimeout, err.Error()) // not wrapped: it may still appear, and NOT_FOUND would be final
		}
	}
}

// formatOf returns the file system options in a volume's context.
func formatOf(v csi.NodeVolume) csi.Format {
	f := csi.Format{}
	for key, value := range v.Context {
		if name := formatNames[strings.ToLower(key)]; name != "" {
			if f.Options == nil {
				f.Options = map[string]string{}
			}
			f.Options[name] = value
		}
	}
	return f
}

// A finder finds disks by what the kernel says of them. The links in
// /dev/disk/by-id can be stale (aws-ebs-csi-driver#1224).
type finder struct{ nvme.Tree }

var (
	xenDisk         = regexp.MustCompile(`^xvd[a-z]{1,2}$`)
	partitionNumber = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
)

// serialOf is the serial number of a volume's NVMe disk.
func serialOf(volume string) string { return strings.Replace(volume, "-", "", 1) }

func (f finder) find(_ context.Context, v csi.NodeVolume) (csi.Device, error) {
	serial := serialOf(v.ID)
	found, nitro, err := f.BySerial(serial)
	switch {
	case err != nil:
		return csi.Device{}, fmt.Errorf("%w: %w", csi.ErrUnavailable, err)
	case len(found) > 1:
		return csi.Device{}, fmt.Errorf("%w: several disks have the serial of volume %s: %v", csi.ErrUnavailable, v.ID, found)
	case len(found) == 1:
		return f.device(found[0], "p", v, csi.Device{
			Sysfs:  map[string]string{"device/serial": serial},
			Fenced: !v.Access.Mode.MultiNode(), // a volume that is detached takes its disk away
		})
	case nitro: // the root disk at least is NVMe
		return csi.Device{}, fmt.Errorf("%w: no NVMe disk has the serial %s", csi.ErrNotFound, serial)
	}
	return f.xen(v)
}

// xen finds the disk of an instance without NVMe by the name that the volume was
// attached at: there is nothing else.
func (f finder) xen(v csi.NodeVolume) (csi.Device, error) {
	name := strings.TrimPrefix(v.PublishContext[contextDevice], "/dev/")
	if strings.HasPrefix(name, "sd") {
		name = "xvd" + name[len("sd"):]
	}
	if !xenDisk.MatchString(name) {
		return csi.Device{}, fmt.Errorf("%w: no NVMe disk has the serial %s, and %q is no Xen disk", csi.ErrNotFound, serialOf(v.ID), v.PublishContext[contextDevice])
	}
	if _, err := os.Stat(filepath.Join(f.Sys, "block", name)); err != nil {
		return csi.Device{}, fmt.Errorf("%w: there is no disk %s", csi.ErrNotFound, name)
	}
	return f.device(name, "", v, csi.Device{Anonymous: "disks of Xen instances have no serial; EC2 gave the name"})
}

// device is the disk, known as whole says, or the partition of it that the
// volume's context names. Whoever has a partition open checks its disk.
func (f finder) device(disk, infix string, v csi.NodeVolume, whole csi.Device) (csi.Device, error) {
	number := v.Context[contextPartition]
	if number == "" || number == "0" {
		whole.Path = filepath.Join(f.Dev, disk)
		return whole, nil
	}
	if !partitionNumber.MatchString(number) {
		return csi.Device{}, invalid("volume %s: partition %q is not a number", v.ID, number)
	}
	name := disk + infix + number
	if _, err := os.Stat(filepath.Join(f.Sys, "block", disk, name)); err != nil {
		return csi.Device{}, fmt.Errorf("%w: disk %s has no partition %s", csi.ErrNotFound, disk, number)
	}
	return csi.Device{Path: filepath.Join(f.Dev, name), NeverFormat: true, Verify: func(_ context.Context, open *os.File) error {
		if err := f.CheckPartition(open, name, serialOf(v.ID)); err != nil {
			return fmt.Errorf("%w: %s is not a partition of volume %s: %w", csi.ErrUnavailable, open.Name(), v.ID, err)
		}
		return nil
	}}, nil
}

// foreign counts the EBS disks of this instance that were attached at a name
// which the driver does not give: its root, and what was attached by hand. It is
// false where that cannot be told.
func (f finder) foreign() (count int64, ok bool) {
	serials, err := f.Serials()
	if err != nil {
		return 0, false
	}
	for disk, serial := range serials {
		if !strings.HasPrefix(serial, "vol") {
			continue // an instance store
		}
		name, err := f.EBSDevice(disk)
		if err != nil {
			return 0, false
		}
		if ok = true; !GivesName(name) {
			count++
		}
	}
	return count, ok
}
