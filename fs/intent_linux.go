package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// announce writes the intent and discards the rest of the device, which mkfs
// would do otherwise.
func (d *Device) announce(ctx context.Context, f Format) error {
	id, err := uuid.Parse(f.UUID)
	if err != nil {
		return err
	}
	if err := d.writeFirst("write the intent to format", intentFor(f.Type, id)); err != nil {
		return err
	}
	if f.ReadsZero {
		return nil
	}
	return d.discard(ctx)
}

// writeFirst writes sector 0 and flushes it. The exclusive open is the last
// proof that nobody mounted the device since the probe.
func (d *Device) writeFirst(what string, sector []byte) (err error) {
	f, err := d.reopen(os.O_WRONLY | unix.O_EXCL)
	if errors.Is(err, unix.EBUSY) {
		err = fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	crashpoint.Step("fs: " + what)
	if _, err = f.WriteAt(sector, 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

const (
	discardFrom = 1 << 20 // the intent stays
	discardStep = 2 << 30 // between two looks at the context
)

// discard tells thin storage that nothing is in use. Storage that cannot be
// told, or does not want to be, is no error.
func (d *Device) discard(ctx context.Context) error {
	size, err := d.Size()
	if err != nil {
		return err
	}
	f, err := d.reopen(os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	crashpoint.Step("fs: discard")
	for at := int64(discardFrom); at < size; at += discardStep {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("discard: %w", err)
		}
		part := [2]uint64{uint64(at), uint64(min(discardStep, size-at))}
		if ioctl(f, unix.BLKDISCARD, unsafe.Pointer(&part)) != nil {
			return nil
		}
	}
	return nil
}
