package csi

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"

	"github.com/csikit/csikit/fs"
)

// locate asks the backend where the volume is.
func (d *Driver) locate(ctx context.Context, v NodeVolume) (Source, error) {
	source, err := call(ctx, d, "Locate", v.ID, func(ctx context.Context) (Source, error) {
		return d.features.locator.Locate(ctx, v)
	})
	if err != nil {
		return nil, err
	}
	switch s := source.(type) {
	case *Device:
		return *s, nil
	case *Share:
		return *s, nil
	case nil:
		return nil, &Error{Op: "Locate", ID: v.ID, Err: errors.New("the backend returned neither a source nor an error")}
	}
	return source, nil
}

// release tells the backend that nothing uses the volume any more.
func (d *Driver) release(ctx context.Context, v NodeVolume) error {
	if d.features.releaser == nil {
		return nil
	}
	return do(ctx, d, "Release", v.ID, func(ctx context.Context) error {
		return d.features.releaser.Release(ctx, v)
	})
}

// pin opens the device of a volume and proves on the open file that it is the
// right one, before a byte of it is read (R2, contract ruling 23). The caller
// closes it.
func (d *Driver) pin(ctx context.Context, id string, spec Device) (*fs.Device, error) {
	if len(spec.Sysfs) == 0 && spec.Verify == nil && spec.Anonymous == "" {
		return nil, refuse(ErrInUse, "volume %s: the backend says nothing that proves that %s is the right device; it must give Sysfs or Verify, or the reason in Anonymous", id, spec.Path)
	}
	device, err := fs.Open(spec.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, refuse(ErrUnavailable, "volume %s: its device is not there yet: %w", id, err)
	}
	if err != nil {
		return nil, hostError(err, "volume %s: open its device", id)
	}
	if err := d.prove(ctx, id, device, spec); err != nil {
		return nil, errors.Join(err, device.Close())
	}
	return device, nil
}

// prove checks identity and size of an open device.
func (d *Driver) prove(ctx context.Context, id string, device *fs.Device, spec Device) error {
	if err := proveSysfs(id, device, spec.Sysfs); err != nil {
		return err
	}
	if spec.Verify != nil {
		err := do(ctx, d, "Verify", id, func(ctx context.Context) error { return spec.Verify(ctx, device.File()) })
		if err != nil {
			return err
		}
	}
	size, err := device.Size()
	if err != nil {
		return hostError(err, "volume %s: read the size of %s", id, spec.Path)
	}
	if size < spec.MinSize {
		return refuse(ErrUnavailable, "volume %s: %s has %d bytes, less than the %d required: it has not been grown yet", id, spec.Path, size, spec.MinSize)
	}
	return nil
}

// proveSysfs compares attributes of the device with what they must be. One
// that cannot be read is as bad as one that differs.
func proveSysfs(id string, device *fs.Device, want map[string]string) error {
	for _, attribute := range slices.Sorted(maps.Keys(want)) {
		have, err := device.Sysfs(attribute)
		if err == nil && have != want[attribute] {
			err = fmt.Errorf("found %q", have)
		}
		if err != nil {
			return refuse(ErrInUse, "volume %s: device %s is not proven to be its own: sysfs attribute %s must be %q: %w", id, majorMinor(device.Number()), attribute, want[attribute], err)
		}
	}
	return nil
}
