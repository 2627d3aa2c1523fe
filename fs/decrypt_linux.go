package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// OpenLUKS opens the encrypted volume on d and returns the device of its
// content, which the caller closes; the mapping stays until [CloseLUKS].
//
// A mapping that a killed process left is found by the device below it and its
// UUID in the kernel, not by its name, and replaced by a new one: this call
// has the passphrase to prove. It must be idle. Anything else that holds d, and
// a mapping of the volume's name over another device, is refused with
// [ErrBusy].
//
// The error wraps [ErrPassphrase] if no key slot opens with p: then nothing
// was made. After any other error the call may be repeated. If ctx ends
// cryptsetup is killed.
func (d *Device) OpenLUKS(ctx context.Context, l LUKS, p Passphrase) (top *Device, err error) {
	if err = l.check(); err == nil && p == "" {
		err = fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	if err == nil {
		err = d.withLock(ctx, func() error {
			top, err = d.openLUKS(ctx, l, p)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open the encrypted volume on %s: %w", d, err)
	}
	return top, nil
}

func (d *Device) openLUKS(ctx context.Context, l LUKS, p Passphrase) (*Device, error) {
	if err := d.clear(ctx, l); err != nil {
		return nil, err
	}
	if err := cryptsetup(ctx, p, []*os.File{d.file}, l.openArgs()...); err != nil {
		return nil, err
	}
	return d.FindLUKS(l)
}

// clear closes what earlier attempts have left over d, and proves that then
// nothing is in the way.
func (d *Device) clear(ctx context.Context, l LUKS) error {
	if err := l.removeUnmade(); err != nil {
		return err
	}
	found, err := mappings(l.resembles)
	if err != nil {
		return err
	}
	for _, m := range found {
		if !l.owns(m.uuid) || slices.ContainsFunc(m.below, func(n uint64) bool { return n != d.number }) {
			return fmt.Errorf("%w: %s is over device %s, not over %s alone, and was not made for this volume there; close it with cryptsetup close",
				ErrBusy, m, numberTexts(m.below), d)
		}
		if err := m.close(ctx); err != nil {
			return err
		}
	}
	return d.Exclusive()
}

// FindLUKS returns the device of the content of the encrypted volume that is
// open on d; the caller closes it. It is found by what it is over and its UUID
// in the kernel. The error wraps [os.ErrNotExist] if there is none.
func (d *Device) FindLUKS(l LUKS) (*Device, error) {
	found, err := mappings(func(_, uuid string) bool { return maker(uuid) == l.name() })
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		if slices.Equal(m.below, []uint64{d.number}) {
			return m.open()
		}
	}
	return nil, fmt.Errorf("no mapping over %s is open for this encrypted volume: %w", d, os.ErrNotExist)
}

// BelowLUKS returns the number of the device that the volume's open mapping is
// over, for whoever has lost it; 0 if that device has gone. The error wraps
// [os.ErrNotExist] if no mapping is open.
func BelowLUKS(l LUKS) (uint64, error) {
	found, err := mappings(func(_, uuid string) bool { return l.owns(uuid) })
	if err != nil {
		return 0, err
	}
	for _, m := range found {
		if len(m.below) == 1 {
			return m.below[0], nil
		}
	}
	if len(found) > 0 {
		return 0, nil
	}
	return 0, fmt.Errorf("no mapping %s is open: %w", l.name(), os.ErrNotExist)
}

// GrowLUKS makes the open mapping of the volume as large as d allows. The
// passphrase is not needed: see the decision on LUKS.
//
// A mapping that [Device.SetReadOnly] has made read-only, and l has not, stays as
// it is, and the error wraps [ErrSetReadOnly]: cryptsetup would load its new
// table read-only, which nothing but closing the mapping takes back.
func (d *Device) GrowLUKS(ctx context.Context, l LUKS) error {
	top, err := d.FindLUKS(l)
	if err != nil {
		return err
	}
	defer func() { _ = top.Close() }()
	below, err := d.Size()
	if err != nil {
		return err
	}
	before, err := top.Size()
	if err != nil || below-before <= luksOffset {
		return err
	}
	name, err := top.Sysfs("dm/name")
	if err != nil {
		return err
	}
	if readOnly, err := top.ReadOnly(); err != nil || readOnly && !l.ReadOnly {
		return errors.Join(err, fmt.Errorf("grow mapping %s over %s: %w", name, d, ErrSetReadOnly))
	}
	if err := cryptsetup(ctx, "", nil, "resize", "--disable-keyring", name); err != nil {
		return fmt.Errorf("grow mapping %s over %s: %w", name, d, err)
	}
	return nil
}

// CloseLUKS closes the mapping of a volume, and whatever was left by a killed
// attempt to make one, wherever they are: what was written is on the device
// then. Nothing that is open is success. The error wraps [ErrBusy] and names
// the holders if the mapping is used, and [ErrLost] if the mapping is closed but
// the device has not taken what was written.
func CloseLUKS(ctx context.Context, l LUKS) error {
	if err := l.removeUnmade(); err != nil {
		return err
	}
	found, err := mappings(func(_, uuid string) bool { return l.owns(uuid) })
	var lost error
	for _, m := range found {
		if closeErr := m.close(ctx); errors.Is(closeErr, ErrLost) {
			lost = errors.Join(lost, closeErr)
		} else {
			err = errors.Join(err, closeErr)
		}
	}
	if err != nil {
		return err
	}
	return lost
}

// close flushes the mapping, proves that nobody uses it and takes it away. A
// device that fails cannot be flushed, ever: that is told, and no reason to keep
// the mapping.
func (m mapping) close(ctx context.Context) error {
	var lost error
	if len(m.below) > 0 { // else the device below has gone
		var err error
		if lost, err = m.idle(); err != nil {
			return errors.Join(err, lost)
		}
	}
	if err := cryptsetup(ctx, "", nil, "close", m.name); err != nil {
		return fmt.Errorf("close %s: %w", m, err)
	}
	left, err := mappings(func(_, uuid string) bool { return uuid == m.uuid })
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%w: %s is still there after cryptsetup has closed it", ErrBusy, left[0])
	}
	if err == nil && lost != nil {
		err = fmt.Errorf("%w: %s: %w", ErrLost, m, lost)
	}
	return err
}

func (m mapping) idle() (lost, err error) {
	d, err := m.open()
	if err != nil {
		return nil, err
	}
	lost = d.sync()
	return lost, errors.Join(d.Exclusive(), d.Close())
}

// owns reports whether a mapping with this UUID was made for the volume.
func (l LUKS) owns(uuid string) bool {
	name := maker(uuid)
	return name == l.name() || name == l.forming()
}

// resembles reports whether a mapping is the volume's or has its name.
func (l LUKS) resembles(name, uuid string) bool {
	return l.owns(uuid) || name == l.name() || name == l.forming()
}

func numberTexts(numbers []uint64) (texts []string) {
	for _, n := range numbers {
		texts = append(texts, numberText(n))
	}
	return texts
}
