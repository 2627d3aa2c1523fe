package ec2test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/namelock"
)

const (
	stateFile = "state.json"
	lockFile  = "lock"
)

// state is what a state directory keeps. How far readers lag behind is not in
// it: after a restart everything is visible.
type state struct {
	Serial    uint64
	Volumes   []Volume
	Snapshots []Snapshot
	Instances []Instance
	Tokens    map[string]*token
}

// load takes the state directory for this server alone, and takes over what is
// in it.
func (s *Server) load() error {
	if s.o.StateDir == "" {
		return nil
	}
	if err := os.MkdirAll(s.o.StateDir, 0o700); err != nil {
		return fmt.Errorf("ec2test: %w", err)
	}
	unlock, err := namelock.File(filepath.Join(s.o.StateDir, lockFile)).TryLock("server", namelock.Exclusive)
	if err != nil {
		return fmt.Errorf("ec2test: the state directory %s is used by another server: %w", s.o.StateDir, err)
	}
	s.unlock = unlock
	data, err := os.ReadFile(filepath.Join(s.o.StateDir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var have state
	if err == nil {
		err = json.Unmarshal(data, &have)
	}
	if err != nil {
		return fmt.Errorf("ec2test: read the state in %s: %w", s.o.StateDir, err)
	}
	s.restore(have)
	if s.o.Disks == nil {
		return nil
	}
	return errors.Join(s.resumeCopies(), s.removeOrphans(), s.plugAll())
}

// resumeCopies starts again what the end of the last server cut short. What was
// copied from a volume is lost: it has gone on since.
func (s *Server) resumeCopies() error {
	for _, id := range s.snapshots.ids() {
		if n := s.snapshots.truth(id); n.Copying {
			n.State, n.Message, n.Copying, n.Due = failed, "ec2test was stopped while it copied", false, time.Time{}
			s.putSnapshot(n, s.now())
		}
	}
	for _, id := range s.volumes.ids() {
		v := s.volumes.truth(id)
		switch {
		case v.Copying && v.SourceVolumeID != "":
			s.copied(v, errors.New("ec2test was stopped while it copied"))
		case v.Copying:
			if err := s.makeImage(v, v.SnapshotID); err != nil {
				return fmt.Errorf("ec2test: restore %s again: %w", id, err)
			}
		}
	}
	return nil
}

// removeOrphans removes images whose volume or snapshot was never recorded, or
// is gone.
func (s *Server) removeOrphans() error {
	entries, err := os.ReadDir(s.imagePath(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		id := e.Name()
		if hexID.MatchString(id) && s.volumes.truth(id) == nil && s.snapshots.truth(id) == nil {
			if err := s.removeImage(id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) restore(have state) {
	s.serial = have.Serial
	for k, t := range have.Tokens {
		s.tokens[k] = t
	}
	always := time.Time{}
	for i := range have.Volumes {
		v := &have.Volumes[i]
		s.volumes.put(v.ID, v, always, always)
		s.schedule(v.ID, v.next(false))
	}
	for i := range have.Snapshots {
		n := &have.Snapshots[i]
		s.snapshots.put(n.ID, n, always, always)
		s.schedule(n.ID, n.next())
	}
	for i := range have.Instances {
		s.instances.put(have.Instances[i].ID, &have.Instances[i], always, always)
	}
}

// save writes the state if it has changed. A call that cannot be saved is not
// answered as done.
func (s *Server) save() error {
	if s.o.StateDir == "" || !s.dirty {
		return nil
	}
	for k, t := range s.tokens {
		if s.now().Sub(t.Used) > tokenLife {
			delete(s.tokens, k)
		}
	}
	data, err := json.MarshalIndent(state{s.serial, s.volumes.truths(), s.snapshots.truths(), s.instances.truths(), s.tokens}, "", "\t")
	if err == nil {
		err = durable.WriteFile(filepath.Join(s.o.StateDir, stateFile), data, 0o600)
	}
	if err != nil {
		s.o.Logger.Error("ec2test cannot save its state", "error", err)
		return fmt.Errorf("ec2test: save the state: %w", err)
	}
	s.dirty = false
	return nil
}
