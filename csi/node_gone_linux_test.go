package csi

import (
	iofs "io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/internal/looptest"
)

// TestR6_ADeviceThatCannotBeOpened is gone if the kernel has given its number to
// another disk, and else may be in use: here /dev has no node of it. A
// container without sysfs knows nothing.
func TestR6_ADeviceThatCannotBeOpened(t *testing.T) {
	looptest.NeedRoot(t)
	device, err := fs.Open(looptest.Device(t, 1<<20))
	require.NoError(t, err)
	defer device.Close()
	same := recordDevice(device, Device{Path: "/dev/none"})
	if same.Sequence == "" {
		t.Skip("this kernel does not number disks")
	}
	other, never := *same, *same
	other.Sequence += "0"
	never.Number = unix.Mkdev(4095, 7)
	var errs []error
	require.NoError(t, looptest.Apart(func() error {
		if err := unix.Mount("none", "/dev", "tmpfs", 0, ""); err != nil {
			return err
		}
		for _, r := range []*recordedDevice{same, &other, &never} {
			_, err := r.open()
			errs = append(errs, err)
		}
		if err := unix.Mount("none", "/sys", "tmpfs", 0, ""); err != nil {
			return err
		}
		_, err := never.open()
		errs = append(errs, err)
		return nil
	}))
	require.ErrorIs(t, errs[0], iofs.ErrNotExist)
	require.NotErrorIs(t, errs[0], errDeviceGone)
	require.ErrorIs(t, errs[1], errDeviceGone)
	require.ErrorIs(t, errs[2], errDeviceGone)
	require.NotErrorIs(t, errs[3], errDeviceGone, "without sysfs no device is known")
}
