package csitest

import (
	"context"
	"slices"

	"github.com/csikit/csikit/internal/invariant"
	"github.com/csikit/csikit/mount"
	"github.com/csikit/csikit/mount/mounttest"
)

// newTable returns the kernel's mount table, or one in memory.
func newTable(kernel bool) mount.Table {
	if kernel {
		return mount.NewKernel()
	}
	return &mounttest.Table{}
}

// mountsLeft lists the mounts below the check's own directory.
func (s *session) mountsLeft() (left []string) {
	if t, ok := s.table.(*mounttest.Table); ok {
		for _, e := range t.Mounts() {
			left = append(left, e.Target)
		}
		return left
	}
	left, err := invariant.Mounts(s.dir)
	s.must("read the mount table", err)
	return left
}

// mounted describes the mount at path, which must be there.
func (s *session) mounted(path string) mount.Info {
	s.Helper()
	info, err := s.table.Find(path)
	if err != nil {
		s.Errorf("nothing is mounted at %s: %v", path, err)
	}
	return info
}

// unmountLeft removes mounts that a failed check has left, so that nobody
// deletes the test's directory through them.
func (s *session) unmountLeft() {
	if !s.h.Devices {
		return
	}
	for _, path := range slices.Backward(s.mountsLeft()) {
		if err := s.table.Unmount(context.WithoutCancel(s.Context()), path); err != nil {
			s.Errorf("unmount %s, which was left: %v", path, err)
		}
	}
}
