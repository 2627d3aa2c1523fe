package ebs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/csikit/csikit/csi"
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
		find = sysfs{"/sys", "/dev"}.find
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
		if sleep(wait, devicePoll) != nil {
			return nil, fmt.Errorf("%w: volume %s is attached, but its disk did not appear within %v: %w (look at dmesg and at lsblk -o NAME,SERIAL; if the instance shows no new disk, detach the volume)",
				csi.ErrUnavailable, v.ID, b.o.DeviceTimeout, err)
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

// sysfs finds disks by what the kernel says of them, with udev or without. The
// links in /dev/disk/by-id can be stale (aws-ebs-csi-driver#1224).
type sysfs struct{ sys, dev string }

var (
	nvmeDisk = regexp.MustCompile(`^nvme[0-9]+n[0-9]+$`)
	xenDisk  = regexp.MustCompile(`^xvd[a-z]{1,2}$`)
)

// serialOf is the serial number of a volume's NVMe disk.
func serialOf(volume string) string { return strings.Replace(volume, "-", "", 1) }

func (s sysfs) find(_ context.Context, v csi.NodeVolume) (csi.Device, error) {
	serials, err := s.serials()
	if err != nil {
		return csi.Device{}, fmt.Errorf("%w: %w", csi.ErrUnavailable, err)
	}
	var found []string
	for disk, serial := range serials {
		if serial == serialOf(v.ID) {
			found = append(found, disk)
		}
	}
	switch {
	case len(found) > 1:
		return csi.Device{}, fmt.Errorf("%w: several disks have the serial of volume %s: %v", csi.ErrUnavailable, v.ID, found)
	case len(found) == 1:
		return s.nvme(found[0], v)
	case len(serials) > 0: // Nitro: the root disk at least is NVMe
		return csi.Device{}, fmt.Errorf("%w: no NVMe disk has the serial %s", csi.ErrNotFound, serialOf(v.ID))
	}
	return s.xen(v)
}

// serials returns the serial numbers of the NVMe disks, by disk.
func (s sysfs) serials() (map[string]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.sys, "block"))
	if err != nil {
		return nil, err
	}
	serials := map[string]string{}
	for _, e := range entries {
		if !nvmeDisk.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.sys, "block", e.Name(), "device/serial"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is just going
		}
		if err != nil {
			return nil, err
		}
		serials[e.Name()] = strings.TrimSpace(string(text))
	}
	return serials, nil
}

func (s sysfs) nvme(disk string, v csi.NodeVolume) (csi.Device, error) {
	if partition := v.Context[contextPartition]; partition != "" && partition != "0" {
		return s.partition(disk, "p", partition, v)
	}
	return csi.Device{Path: filepath.Join(s.dev, disk), Sysfs: map[string]string{"device/serial": serialOf(v.ID)}}, nil
}

// xen finds the disk of an instance without NVMe by the name that the volume was
// attached at: there is nothing else.
func (s sysfs) xen(v csi.NodeVolume) (csi.Device, error) {
	name := strings.TrimPrefix(v.PublishContext[contextDevice], "/dev/")
	if strings.HasPrefix(name, "sd") {
		name = "xvd" + name[len("sd"):]
	}
	if !xenDisk.MatchString(name) {
		return csi.Device{}, fmt.Errorf("%w: no NVMe disk has the serial %s, and %q is no Xen disk", csi.ErrNotFound, serialOf(v.ID), v.PublishContext[contextDevice])
	}
	if _, err := os.Stat(filepath.Join(s.sys, "block", name)); err != nil {
		return csi.Device{}, fmt.Errorf("%w: there is no disk %s", csi.ErrNotFound, name)
	}
	if partition := v.Context[contextPartition]; partition != "" && partition != "0" {
		return s.partition(name, "", partition, v)
	}
	return csi.Device{Path: filepath.Join(s.dev, name), Anonymous: "disks of Xen instances have no serial; EC2 gave the name"}, nil
}

// partition finds a partition of a disk. Whoever has it open checks its disk.
func (s sysfs) partition(disk, infix, number string, v csi.NodeVolume) (csi.Device, error) {
	name := disk + infix + number
	if !regexp.MustCompile(`^[1-9][0-9]{0,2}$`).MatchString(number) {
		return csi.Device{}, invalid("volume %s: partition %q is not a number", v.ID, number)
	}
	if _, err := os.Stat(filepath.Join(s.sys, "block", disk, name)); err != nil {
		return csi.Device{}, fmt.Errorf("%w: disk %s has no partition %s", csi.ErrNotFound, disk, number)
	}
	return csi.Device{Path: filepath.Join(s.dev, name), NeverFormat: true, Verify: s.verifyPartition(name, v.ID)}, nil
}
