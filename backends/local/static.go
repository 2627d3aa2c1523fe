package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/namelock"
)

// staticPath returns the path of a volume made by hand, if it is allowed.
func (b *Backend) staticPath(p place) (string, error) {
	if p.kind == byImage && b.o.StaticDir != "" {
		return filepath.Join(b.o.StaticDir, p.name), nil
	}
	for _, pattern := range b.o.Devices {
		path := filepath.Join(filepath.Dir(pattern), p.name)
		if ok, _ := filepath.Match(pattern, path); ok && p.kind == byDevice {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: the %s %q is not among what is allowed: images in %q, devices like %q", csi.ErrNotFound, p.kind, p.name, b.o.StaticDir, b.o.Devices)
}

// byName describes a block device made by hand. Its identity is its name, which
// should be one below /dev/disk/by-id: the name must still be that of the open
// device.
func byName(path string) csi.Device {
	verify := func(_ context.Context, pinned *os.File) error {
		want, err := os.Stat(path)
		have, err2 := pinned.Stat()
		if err == nil && err2 == nil && !os.SameFile(have, want) {
			err = fmt.Errorf("%s is no longer the block device that is open", path)
		}
		return errors.Join(err, err2)
	}
	return csi.Device{Path: path, NeverFormat: true, Verify: verify}
}

// staticVolume describes a volume made by hand to the controller.
func (b *Backend) staticVolume(id string, p place) (*csi.Volume, error) {
	path, err := b.staticPath(p)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, notFound(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	return &csi.Volume{ID: id, Size: size, Topology: []csi.Topology{b.topology()}}, errors.Join(err, f.Close())
}

// deleteStatic refuses, unless images may be deleted and it is one.
func (b *Backend) deleteStatic(ctx context.Context, id string, p place) error {
	if p.kind == byDevice || !b.o.DeleteStatic {
		return fmt.Errorf("%w: %s was made by hand and is not deleted by the driver: delete it yourself, and give its PersistentVolume the reclaim policy Retain", csi.ErrInUse, id)
	}
	path, err := b.staticPath(p)
	if err != nil {
		return err
	}
	return b.locked(ctx, p.key(), namelock.Exclusive, func() error {
		if err := unused(ctx, path); err != nil {
			return err
		}
		crashpoint.Step("local delete static image")
		return notFound(os.Remove(path))
	})
}

// notFound says [csi.ErrNotFound] of an error that says that a file is missing.
func notFound(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", csi.ErrNotFound, err)
	}
	return err
}
