package csi

import (
	"maps"
	"strings"

	"github.com/csikit/csikit/mount"
)

// compareRequest compares the request with the one that the target was
// published for: the spec's table, T1=T2 (peers' rules 22 and 23). Secrets,
// tokens and what is said about the pod do not count.
func (p *publication) compareRequest() error {
	if p.record == nil {
		return nil // lost: what is mounted is compared with what is staged
	}
	have, want := p.record.Volume, recordVolume(p.volume)
	what := ""
	switch {
	case have.ReadOnly != want.ReadOnly:
		what = "readonly"
	case !have.Access.equal(want.Access):
		what = "volume_capability"
	case !maps.Equal(have.Context, want.Context):
		what = "volume_context"
	case have.Ephemeral != want.Ephemeral:
		what = "lifecycle"
	case p.record.Staging != p.stagingPath():
		what = "staging_target_path"
	default:
		return nil
	}
	return refuse(ErrExists, "volume %s is published at %s with another %s", p.volume.ID, p.key.Target, what)
}

// refuseOtherTargets is the spec's table, T1≠T2: an access mode of one target
// at a time excludes all other targets, whichever was there first. Readers and
// writers of a raw device exclude each other, too: the kernel lets either all of
// a node write to a device or none.
func (p *publication) refuseOtherTargets() error {
	if p.volume.Ephemeral {
		return nil
	}
	targets, err := p.d.publishedTargets(p.volume.ID)
	if err != nil {
		return err
	}
	var others []string
	for _, t := range targets {
		alone := !p.volume.Access.Mode.MultiPublish() || !t.Value.Volume.Access.Mode.MultiPublish()
		mixed := p.volume.Access.Block && p.volume.ReadOnly != t.Value.Volume.ReadOnly
		if t.Target != p.key.Target && (alone || mixed) {
			others = append(others, t.Target+" ("+t.Value.Volume.mode()+")")
		}
	}
	if len(others) == 0 {
		return nil
	}
	return refuse(ErrInUse, "volume %s is published on this node at %s, so it cannot be published with %s at %s",
		p.volume.ID, strings.Join(others, ", "), recordVolume(p.volume).mode(), p.key.Target)
}

// compare decides about a target that is mounted already: only what is the
// same volume, read-only or not as asked, is success; nothing is ever stacked
// upon it (R4).
func (p *publication) compare() error {
	if err := p.verify(*p.mounted); err != nil {
		return err
	}
	if p.record != nil {
		return nil
	}
	return p.note()
}

// verify compares what is at the target with what is staged.
func (p *publication) verify(i mount.Info) error {
	if err := stacked(p.volume.ID, p.key.Target, i); err != nil {
		return err
	}
	switch {
	case p.volume.Access.Block && i.Rdev != p.info.Rdev:
		return p.differs("device " + majorMinor(i.Rdev) + ", not " + majorMinor(p.info.Rdev))
	case !p.volume.Access.Block && (i.Device != p.info.Device || i.Root != p.info.Root):
		return p.differs("another file system, or another directory of it")
	case p.volume.ReadOnly && !i.ReadOnly:
		return p.differs("a mount that can be written")
	case !p.volume.ReadOnly && i.ReadOnly && !p.info.ReadOnly:
		return p.differs("a read-only mount")
	}
	if what := without(i, p.volume.Access.Options); what != "" {
		return p.differs(what)
	}
	return nil
}

// without says which of the options that were asked for are not in effect, ""
// if all are (R4, R15).
func without(i mount.Info, options []Option) string {
	if missing := i.MissingContexts(options); len(missing) > 0 {
		return "a file system without " + strings.Join(missing, ", ")
	}
	if lacks := i.Lacks(options); len(lacks) > 0 {
		return "a mount without the options " + strings.Join(lacks, ", ")
	}
	return ""
}

// stacked refuses what is mounted more than once (R4). It may pass: an old and a
// new process of this driver that mount at once see each other's mount until
// the one that came second has taken its own away.
func stacked(id, point string, i mount.Info) error {
	if i.Layers <= 1 {
		return nil
	}
	return refuse(ErrPending, "volume %s: %s has %d mounts, one on top of another: another process is mounting there, or unpublish and unstage it first", id, point, i.Layers)
}

func (p *publication) differs(have string) error {
	return refuse(ErrExists, "volume %s: %s has mounted %s; unpublish it first", p.volume.ID, p.key.Target, have)
}
