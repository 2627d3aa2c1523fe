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

// staticPath returns where the volume made by hand is that t names, if it is
// allowed.
func (b *Backend) staticPath(t target) (string, error) {
	if t.kind == "image" && b.o.StaticDir != "" {
		return filepath.Join(b.o.StaticDir, t.name), nil
	}
	for _, pattern := range b.o.Devices {
		path := filepath.Join(filepath.Dir(pattern), t.name)
		if ok, _ := filepath.Match(pattern, path); ok && t.kind == "device" {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: the %s %q is not among what is allowed: images in %q, devices like %q", csi.ErrNotFound, t.kind, t.name, b.o.StaticDir, b.o.Devices)
}

// locateStatic describes a volume made by hand, of which f is the image or the
// device. A device's identity is its name, which should be one below
// /dev/disk/by-id: the name must still be that of the open device.
func locateStatic(ctx context.Context, f *os.File) (csi.Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		d, err := attach(ctx, f)
		d.NeverFormat = true
		return d, err
	}
	same := func(_ context.Context, pinned *os.File) error {
		want, err := os.Stat(f.Name())
		have, err2 := pinned.Stat()
		if err == nil && err2 == nil && !(os.SameFile(have, want) && have.Mode()&os.ModeDevice != 0) {
			err = fmt.Errorf("%s is no block device, or no longer the one that is open", f.Name())
		}
		return errors.Join(err, err2)
	}
	return csi.Device{Path: f.Name(), NeverFormat: true, Verify: same}, same(ctx, f)
}

// staticVolume describes a volume made by hand to the controller.
func (b *Backend) staticVolume(id string, t target) (*csi.Volume, error) {
	path, err := b.staticPath(t)
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
func (b *Backend) deleteStatic(ctx context.Context, id string, t target) error {
	if t.kind == "device" || !b.o.DeleteStatic {
		return fmt.Errorf("%w: %s was made by hand and is not deleted by the driver: delete it yourself, and give its PersistentVolume the reclaim policy Retain", csi.ErrInUse, id)
	}
	path, err := b.staticPath(t)
	if err != nil {
		return err
	}
	return b.locked(ctx, t.kind+"/"+t.name, namelock.Exclusive, func() error {
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
