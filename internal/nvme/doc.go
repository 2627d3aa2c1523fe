// Package nvme finds the NVMe disks of this machine by what the kernel and the
// disks themselves say of them, with udev or without.
package nvme
