package ec2test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Disks makes attached volumes appear as block devices: as loop devices of this
// machine (package loopdisk), or as disks that are plugged into a virtual
// machine. The server calls one method at a time, and repeats a call that has
// failed; the calls must be quick, since the server waits for them.
type Disks interface {
	// Plug makes the disk appear on its instance. A disk that is there already
	// is done.
	Plug(ctx context.Context, d Disk) error
	// Unplug takes it away; one that is not there is done. The error is
	// [ErrDiskBusy] if the instance uses it, which force ignores as far as
	// that can be done.
	Unplug(ctx context.Context, d Disk, force bool) error
	// Grown makes the instance see that the image has become larger.
	Grown(ctx context.Context, d Disk) error
}

// ErrDiskBusy says that a disk is in use: the attachment stays busy until it is
// not.
var ErrDiskBusy = errors.New("the disk is in use")

// A Disk is a volume on an instance.
type Disk struct {
	VolumeID, InstanceID string
	// Device is the name of the attachment point, such as /dev/xvdaa.
	Device string
	// Image is the file with the volume's content. Its base name is the
	// volume's id.
	Image string
	// Elsewhere are the other instances that the volume is attached to.
	Elsewhere []string
}

// diskTimeout bounds one call of Disks.
const diskTimeout = 10 * time.Second

func (s *Server) disk(v *Volume, a *Attachment) Disk {
	d := Disk{VolumeID: v.ID, InstanceID: a.InstanceID, Device: a.Device, Image: s.imagePath(v.ID)}
	for _, other := range v.Attachments {
		if other.InstanceID != a.InstanceID {
			d.Elsewhere = append(d.Elsewhere, other.InstanceID)
		}
	}
	return d
}

// onDisk calls f for an attachment, if attachments are more than a record.
func (s *Server) onDisk(v *Volume, a *Attachment, f func(context.Context, Disk) error) error {
	if s.o.Disks == nil || s.imageless(v.ID) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	return f(ctx, s.disk(v, a))
}

func (s *Server) plug(v *Volume, a *Attachment) error {
	return s.onDisk(v, a, func(ctx context.Context, d Disk) error { return s.o.Disks.Plug(ctx, d) })
}

func (s *Server) unplug(v *Volume, a *Attachment) error {
	return s.onDisk(v, a, func(ctx context.Context, d Disk) error { return s.o.Disks.Unplug(ctx, d, a.Force) })
}

// plugAll brings back the disks of all attachments, which a restart of the
// machine has taken away.
func (s *Server) plugAll() error {
	var all error
	for _, id := range s.volumes.ids() {
		v := s.volumes.truth(id)
		for i := range v.Attachments {
			if a := &v.Attachments[i]; a.State == attached {
				if err := s.plug(v, a); err != nil {
					all = errors.Join(all, fmt.Errorf("ec2test: attach %s again: %w", id, err))
				}
			}
		}
	}
	return all
}

// Unplug takes all disks away by force, and is for the end of a test or of a
// demonstration. The records stay: a server that is started with them plugs the
// disks again. Call it after Close.
func (s *Server) Unplug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for _, id := range s.volumes.ids() {
		v := s.volumes.truth(id)
		if v == nil {
			continue
		}
		for _, a := range v.Attachments {
			a.Force = true
			all = errors.Join(all, s.unplug(&Volume{ID: id}, &a))
		}
	}
	return all
}

func (s *Server) imagePath(id string) string { return filepath.Join(s.o.StateDir, imageDir, id) }

// imageless reports whether a volume has no image: the root of an instance has
// none.
func (s *Server) imageless(id string) bool {
	_, err := os.Stat(s.imagePath(id))
	return errors.Is(err, os.ErrNotExist)
}
