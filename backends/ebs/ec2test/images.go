package ec2test

import (
	"errors"
	"os"
	"time"

	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/image"
)

// imageDir is the directory of the images below the state directory: sparse
// files with the names of their volumes and snapshots.
const imageDir = "images"

const gib = 1 << 30

// newImage makes an empty image.
func (s *Server) newImage(id string) (*os.File, error) {
	if err := os.MkdirAll(s.imagePath(""), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(s.imagePath(id), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// makeImage makes the image of a volume that is in the table, with the data of
// a snapshot or a volume if from names one. What takes long goes on after it
// has returned.
func (s *Server) makeImage(v *Volume, from string) error {
	switch {
	case s.o.Disks == nil:
		return nil
	case from != "" && from == v.SourceVolumeID:
		v.Copying = true
		err := s.capture([]string{from}, []string{v.ID}, v.Size*gib)
		s.copied(v, err)
		return err
	}
	dst, err := s.newImage(v.ID)
	if err != nil {
		s.copied(v, err)
		return err
	}
	if from == "" {
		err := errors.Join(dst.Truncate(v.Size*gib), dst.Close())
		s.copied(v, err)
		return err
	}
	src, err := os.Open(s.imagePath(from))
	if err != nil {
		_ = dst.Close()
		s.copied(v, err)
		return err
	}
	v.Copying = true
	size := v.Size * gib
	s.wg.Go(func() {
		err := errors.Join(s.fill(dst, src, size), dst.Close(), src.Close())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.copied(v, err)
		s.settle(s.now())
	})
	return nil
}

// copied ends the making of a volume's image, with success or not.
func (s *Server) copied(v *Volume, err error) {
	if s.volumes.truth(v.ID) != v || s.done.Err() != nil {
		return // Deleted; or cut short, and done again after the restart.
	}
	v.Copying = false
	if err != nil {
		s.o.Logger.Error("ec2test cannot make the image of a volume", "volume", v.ID, "error", err)
		v.State, v.Due = failed, time.Time{}
	}
	s.putVolume(v, s.now())
}

// fill copies an image that nobody writes.
func (s *Server) fill(dst, src *os.File, size int64) error {
	err := image.Reflink(dst, src)
	if errors.Is(err, image.ErrNoReflink) {
		err = image.Copy(s.done, dst, src, s.o.Logger)
	}
	if err != nil {
		return err
	}
	return dst.Truncate(size)
}

func (s *Server) removeImage(id string) error {
	if s.o.Disks == nil {
		return nil
	}
	return durable.Remove(s.imagePath(id))
}

// growImage gives a volume's image and its disks a new size.
func (s *Server) growImage(v *Volume, size int64) error {
	if s.o.Disks == nil || size == v.Size || s.imageless(v.ID) {
		return nil
	}
	if err := os.Truncate(s.imagePath(v.ID), size*gib); err != nil {
		return err
	}
	for i := range v.Attachments {
		if a := &v.Attachments[i]; a.State != attaching {
			if err := s.onDisk(v, a, s.o.Disks.Grown); err != nil {
				return err
			}
		}
	}
	return nil
}
