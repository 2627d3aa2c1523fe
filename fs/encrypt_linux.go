package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// FormatLUKS makes a LUKS2 header on a device that is proven empty, or repeats
// one of the same volume that did not end, and makes the content behind it
// read as empty to [Device.Probe], so that it can be told from lost data.
//
// The rules, errors and repetitions are those of [Device.Format]. It may be
// killed anywhere: the device has an intent in sector 0 for as long as it is
// not complete, and the sector with the header's magic number replaces the
// intent last. See the decision on LUKS for the key derivation.
func (d *Device) FormatLUKS(ctx context.Context, l LUKS, p Passphrase) error {
	err := l.check()
	if err == nil && p == "" {
		err = fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	if err == nil {
		err = d.withLock(ctx, func() error { return d.formatLUKS(ctx, l, p) })
	}
	if err != nil {
		return fmt.Errorf("encrypt %s: %w", d, err)
	}
	return nil
}

func (d *Device) formatLUKS(ctx context.Context, l LUKS, p Passphrase) error {
	before, err := d.probeForFormat(ctx)
	if err != nil {
		return err
	}
	again := before.State == Known && before.InProgress && before.Type == TypeLUKS && before.UUID == l.UUID
	if before.State != Empty && !again {
		return fmt.Errorf("%w: it holds %s; nothing was written", ErrNotEmpty, before)
	}
	size, err := d.Size()
	if err == nil && size < luksLeast {
		err = fmt.Errorf("%w: it has %d bytes, a header and some data need %d", ErrTooSmall, size, luksLeast)
	}
	if err != nil {
		return err
	}
	if err := d.writable(); err != nil {
		return err
	}
	if err := d.clear(ctx, l); err != nil {
		return err
	}
	header, err := d.makeHeader(ctx, l, p)
	if err != nil {
		return err
	}
	defer func() { _ = header.Close() }()
	if err := d.announce(ctx, Format{Type: TypeLUKS, UUID: l.UUID}); err != nil {
		return err
	}
	if err := d.blank(ctx, l, p, header); err != nil {
		return err
	}
	if err := d.writeHeader(header); err != nil {
		return err
	}
	made, err := d.verify(ctx, Format{Type: TypeLUKS, UUID: l.UUID})
	if err == nil && made.InProgress {
		err = fmt.Errorf("the header was written but the device holds %s", made)
	}
	return err
}

// makeHeader makes a header in memory. cryptsetup would write it to the device
// in an order of its own, which nobody could tell from lost data when it is
// killed in between.
func (d *Device) makeHeader(ctx context.Context, l LUKS, p Passphrase) (*os.File, error) {
	sector := int32(l.SectorSize)
	if sector == 0 {
		if err := ioctl(d.file, unix.BLKSSZGET, unsafe.Pointer(&sector)); err != nil {
			return nil, fmt.Errorf("logical block size of %s: %w", d, err)
		}
	}
	fd, err := unix.MemfdCreate("LUKS header", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "LUKS header")
	if err = f.Truncate(luksLeast); err == nil {
		err = cryptsetup(ctx, p, []*os.File{f}, luksFormatArgs(l.UUID, int(sector))...)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// blank writes zeros through the encryption wherever a probe of the content
// looks: never written blocks would read as random data.
func (d *Device) blank(ctx context.Context, l LUKS, p Passphrase, header *os.File) (err error) {
	args := slices.Concat([]string{"open", "--type", "luks2", "--disable-keyring"}, fromStdin, detached, []string{l.forming()})
	if err := cryptsetup(ctx, p, []*os.File{d.file, header}, args...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, CloseLUKS(context.WithoutCancel(ctx), l)) }()
	found, err := mappings(func(_, uuid string) bool { return maker(uuid) == l.forming() })
	if err != nil {
		return err
	}
	if len(found) != 1 || len(found[0].below) != 1 || found[0].below[0] != d.number {
		return fmt.Errorf("cryptsetup has opened %v instead of one mapping over %s", found, d)
	}
	top, err := found[0].open()
	if err != nil {
		return err
	}
	return errors.Join(top.zero(ctx), top.Close())
}

// zero writes zeros to every place that Probe reads.
func (d *Device) zero(ctx context.Context) (err error) {
	size, err := d.Size()
	if err != nil {
		return err
	}
	f, err := d.reopen(os.O_WRONLY | unix.O_EXCL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, s := range spans(size) {
		for at := s.offset; at < s.end(); at += int64(len(zeros)) {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), s.end()-at)], at); err != nil {
				return err
			}
		}
	}
	crashpoint.Step("fs: flush the blank content")
	return f.Sync()
}

// writeHeader copies the header to the device, its first sector last.
func (d *Device) writeHeader(header *os.File) (err error) {
	b := make([]byte, luksOffset)
	if _, err := header.ReadAt(b, 0); err != nil {
		return fmt.Errorf("read the new header: %w", err)
	}
	f, err := d.reopen(os.O_WRONLY | unix.O_EXCL)
	if err != nil {
		return err
	}
	crashpoint.Step("fs: write the body of the header")
	_, err = f.WriteAt(b[intentLength:], intentLength)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	return d.writeFirst("complete the header", b[:intentLength])
}
