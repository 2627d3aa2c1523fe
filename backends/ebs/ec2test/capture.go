package ec2test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/csikit/csikit/internal/freeze"
)

// cutImages makes the images of snapshots that are in the table as their volumes
// are now.
func (s *Server) cutImages(made []*Snapshot) error {
	if s.o.Disks == nil {
		return nil
	}
	var from, to []string
	for _, n := range made {
		if !s.imageless(n.VolumeID) {
			n.Copying = true
			from, to = append(from, n.VolumeID), append(to, n.ID)
		}
	}
	err := s.capture(from, to, 0)
	for _, n := range made {
		n.Copying = false
		if err != nil {
			n.State, n.Message, n.Due = failed, err.Error(), time.Time{}
		}
		if s.snapshots.truth(n.ID) == n {
			s.putSnapshot(n, s.now())
		}
	}
	return err
}

// capture copies images that may be written meanwhile, all of one moment. File
// systems that are mounted from them, where this process sees the mount, are
// frozen for the time of the copy; the server is not locked meanwhile. A device
// that is written in another way is cut in one moment if the file system of the
// state directory has reflink, and copied as it happens to be if it has not.
func (s *Server) capture(from, to []string, size int64) (err error) {
	s.mu.Unlock()
	defer s.mu.Lock()
	var roots []*os.File
	defer func() {
		for _, root := range roots {
			_ = root.Close()
		}
	}()
	copyAll := func() error {
		for i := range from {
			if err := s.copyImage(from[i], to[i], size); err != nil {
				return fmt.Errorf("copy %s to %s: %w", from[i], to[i], err)
			}
		}
		return nil
	}
	for _, id := range from {
		root, err := s.mountOf(id)
		if err != nil {
			return err
		}
		if root == nil {
			continue
		}
		roots = append(roots, root)
		inner := copyAll
		copyAll = func() error { return freeze.While(root, inner) }
	}
	return copyAll()
}

// mountOf returns the root of the file system that is mounted from an image,
// nil if none is.
func (s *Server) mountOf(id string) (*os.File, error) {
	f, err := os.Open(s.imagePath(id))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	_, root, err := freeze.Image(f)
	if err != nil {
		s.o.Logger.Warn("ec2test copies an image without freezing its file system", "volume", id, "error", err)
		return nil, nil
	}
	return root, nil
}

func (s *Server) copyImage(from, to string, size int64) error {
	src, err := os.Open(s.imagePath(from))
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := s.newImage(to)
	if err != nil {
		return err
	}
	info, err := src.Stat()
	if err == nil {
		err = s.fill(dst, src, max(size, info.Size()))
	}
	return errors.Join(err, dst.Close())
}
