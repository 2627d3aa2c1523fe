package csitest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/internal/invariant"
)

// cleanUp removes all that the check has made, newest first, as a CO does, and
// then proves that nothing is left: no volume, snapshot, mount, target, state,
// operation, and nothing that Harness.Leaks knows of.
func (s *session) cleanUp() {
	s.Helper()
	s.faults.reset()
	for _, o := range slices.Backward(s.objects) {
		o.remove()
	}
	s.noneListed()
	s.noPaths()
	if left := s.mountsLeft(); len(left) > 0 {
		s.Errorf("mounts are left: %v", left)
	}
	if s.h.Devices {
		s.invariants(invariant.Leftovers(invariant.Scope{Dir: s.dir}))
	}
	if ops := s.driver.Operations(); len(ops) > 0 {
		s.Errorf("operations still run: %+v", ops)
	}
	s.objects = nil
	if s.h.Leaks == nil {
		return
	}
	if left := s.h.Leaks(); len(left) > 0 {
		s.Errorf("the storage or the host still has: %s", strings.Join(left, "; "))
	}
}

// invariants fails the check for each invariant that does not hold.
func (s *session) invariants(found []invariant.Violation) {
	s.Helper()
	for _, v := range found {
		s.Errorf("%v", v)
	}
}

// noneListed proves that the driver lists nothing.
func (s *session) noneListed() {
	s.Helper()
	if listsVolumes.met(s) {
		resp, err := s.controller.ListVolumes(s.ctx(), &csipb.ListVolumesRequest{})
		s.must("ListVolumes", err)
		if n := len(resp.GetEntries()); n > 0 {
			s.Errorf("ListVolumes still lists %d volumes: %v", n, resp.GetEntries())
		}
	}
	if listsSnaps.met(s) {
		resp, err := s.controller.ListSnapshots(s.ctx(), &csipb.ListSnapshotsRequest{Secrets: s.h.secrets()})
		s.must("ListSnapshots", err)
		if n := len(resp.GetEntries()); n > 0 {
			s.Errorf("ListSnapshots still lists %d snapshots: %v", n, resp.GetEntries())
		}
	}
}

// noPaths proves that unpublish deleted every target and that the node has
// forgotten every volume.
func (s *session) noPaths() {
	s.Helper()
	for _, o := range s.objects {
		v, ok := o.(*volume)
		if !ok {
			continue
		}
		for _, target := range v.targets {
			if exists(target) {
				s.Errorf("target path %s is left: NodeUnpublishVolume must delete it", target)
			}
		}
	}
	for _, file := range filesBelow(filepath.Join(s.dir, "state")) {
		if file == "lock" { // stays: see csi.Options
			continue
		}
		s.Errorf("the node still keeps %s in Options.StateDir", file)
	}
	for _, file := range filesBelow(filepath.Join(s.dir, "staging")) {
		s.Errorf("%s is left below the staging paths", file)
	}
}

// filesBelow lists what is not a directory below dir.
func filesBelow(dir string) (files []string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+string(os.PathSeparator)))
		}
		return nil
	})
	return files
}
