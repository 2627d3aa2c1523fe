// Package loopdisk attaches the volumes of package ec2test to this machine: an
// image file appears as a loop device, with the link that udev makes for the
// NVMe disk of an EBS volume,
//
//	/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0
//
// which loopdisk makes and removes itself. All instances of the emulated region
// are then this one machine. It needs root and Linux.
//
// A loop device has no serial number. What identifies it is the name of its
// backing file, which is the id of the volume: [Find] checks that, and is given
// to a driver under test in place of its own search for NVMe disks. It must not
// be used for anything but ec2test.
package loopdisk
