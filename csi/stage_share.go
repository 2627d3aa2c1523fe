package csi

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/csikit/csikit/internal/watch"
	"github.com/csikit/csikit/mount"
)

// stageShare mounts a share at the staging path, or lets the backend do it,
// and verifies the effect.
func (s *staging) stageShare(share Share) error {
	if s.volume.Access.Block {
		return refuse(ErrInUse, "volume %s is a share and cannot be used as a raw device", s.volume.ID)
	}
	if s.carried.Format[optionEncrypt] != "" {
		return refuse(ErrInvalid, "volume %s is a share, which %s%s cannot encrypt", s.volume.ID, formatPrefix, optionEncrypt)
	}
	if s.mounted == nil {
		if err := s.mountShare(share); err != nil {
			return err
		}
	}
	return s.finish(func(i mount.Info) error { return s.verifyShare(i, share) })
}

func (s *staging) mountShare(share Share) error {
	if share.Mount == nil {
		if err := mount.CheckOptions(share.Type, s.volume.Access.Options); err != nil {
			return hostError(err, "volume %s", s.volume.ID)
		}
	}
	s.record.Shared, s.record.Share = true, share.Source
	if err := s.saveForBoot(); err != nil {
		return err
	}
	s.undoMount()
	if share.Mount != nil {
		return s.backendMount(share)
	}
	err := s.d.opts.Mounts.Mount(s.ctx.Op, mount.Mount{
		Type: share.Type, Source: share.Source, Options: shareOptions(share, s.volume), ReadOnly: s.volume.ReadOnly,
	}, s.path)
	return hostError(err, "volume %s: mount %s share %s", s.volume.ID, share.Type, share.Source)
}

func (s *staging) backendMount(share Share) error {
	err := do(s.ctx.Op, s.d, "Share.Mount", s.volume.ID, func(ctx context.Context) error { return share.Mount(ctx, s.path) })
	if err != nil {
		return err
	}
	if _, err := s.d.opts.Mounts.Find(s.path); errors.Is(err, mount.ErrNotMounted) {
		return refuse(ErrFailed, "volume %s: the backend says that it mounted the share, but nothing is mounted at %s", s.volume.ID, s.path)
	}
	return nil
}

// shareOptions are the backend's options, then the CO's, then the group that
// the CO delegates (VOLUME_MOUNT_GROUP, rule 38).
func shareOptions(share Share, v NodeVolume) []Option {
	options := slices.Concat(share.Options, v.Access.Options)
	if v.Access.Group != "" {
		options = append(options, Option{Key: "gid", Value: v.Access.Group})
	}
	return options
}

// verifyShare compares what is mounted with what was to be. Where the record
// was lost, the mount must tell by itself that it is this share.
func (s *staging) verifyShare(i mount.Info, share Share) error {
	switch {
	case s.volume.ReadOnly && !i.ReadOnly && share.Mount == nil:
		return s.differs("a share that can be written")
	case s.mounted == nil:
		return nil
	case s.record.Mount != nil && s.record.Share == share.Source && s.record.Mount.is(i):
		return nil
	case s.record.Mount == nil:
		same, err := s.isShare(i, share)
		if err != nil {
			return hostError(err, "volume %s: look whether %s is bound at %s", s.volume.ID, share.Source, s.path)
		}
		if same {
			return nil
		}
	}
	return s.differs("a share that is not " + share.Source)
}

func (s *staging) isShare(i mount.Info, share Share) (bool, error) {
	if share.Type != "bind" {
		return i.Source == share.Source, nil
	}
	return watch.Call(&s.d.shares, "bind of "+share.Source, bindPatience, func() (bool, error) {
		source, sourceErr := os.Stat(share.Source)
		target, targetErr := os.Stat(s.path)
		return sourceErr == nil && targetErr == nil && os.SameFile(source, target), nil
	})
}

// bindPatience is how long a server may take to say what is bound (R14).
const bindPatience = 2 * time.Second
