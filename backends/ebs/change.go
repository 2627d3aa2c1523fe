package ebs

import (
	"context"
	"errors"
	"fmt"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// EC2 takes a few modifications of a volume a day, and none while one runs. So
// the expansion and the modification of a volume that are asked for at about the
// same time are made one: the first one to come reads the volume, and whoever
// comes until then goes with it.

// A change is what is to be made of a volume, by those who want it.
type change struct {
	size   csi.SizeRange
	perf   performance
	wanted int // parts
	grown  csi.Expanded
	failed struct{ size, perf error }
}

// ExpandVolume implements [csi.Expander].
func (b *Backend) ExpandVolume(ctx context.Context, e csi.Expansion) (csi.Expanded, error) {
	if !volumeID.MatchString(e.ID) {
		return csi.Expanded{}, notFound("volume", e.ID)
	}
	c, err := b.changed(ctx, e.ID, func(c *change) { c.size, c.wanted = e.Size, c.wanted+1 })
	if err != nil {
		return csi.Expanded{}, err
	}
	return c.grown, c.failed.size
}

// ModifyVolume implements [csi.Modifier]. Everything is checked before anything
// is applied; tags come last.
func (b *Backend) ModifyVolume(ctx context.Context, m csi.Modification) error {
	p, err := parseClass(nil, m.Parameters)
	if err != nil {
		return err
	}
	tags, err := p.tagMap(m.Owner)
	if err != nil {
		return err
	}
	if !volumeID.MatchString(m.ID) {
		return notFound("volume", m.ID)
	}
	c, err := b.changed(ctx, m.ID, func(c *change) { c.perf, c.wanted = p.performance, c.wanted+1 })
	if err == nil {
		err = c.failed.perf
	}
	if err == nil {
		err = b.retag(ctx, m.ID, tags, p.untag)
	}
	return err
}

// changed adds to the next change of a volume and waits for it.
func (b *Backend) changed(ctx context.Context, id string, want func(*change)) (*change, error) {
	c, err := b.changes.Do(ctx, id, want)
	return c, ended(ctx, err, "the modification of volume "+id+" goes on")
}

func (b *Backend) runChange(id string, take func() *change) {
	v, err := b.volumeToChange(b.life, id)
	c := take()
	if err != nil {
		c.failed.size, c.failed.perf = err, err
		return
	}
	b.apply(b.life, v, c)
}

// apply makes both changes in one, or, if they do not go together, one after
// the other, so that one that is wrong does not keep the other one back.
func (b *Backend) apply(ctx context.Context, v *changing, c *change) {
	if _, err := v.target(c.size, c.perf); err == nil || c.wanted == 1 {
		c.failed.size = b.modify(ctx, v, c.size, c.perf)
		c.failed.perf = c.failed.size
	} else {
		c.failed.size = b.modify(ctx, v, c.size, performance{})
		c.failed.perf = b.modify(ctx, v, csi.SizeRange{}, c.perf)
	}
	c.grown.Size = v.sizeGiB * gib
}

// explain adds to a refusal of EC2 what it is about.
func explain(v *changing, err error) error {
	if !awscall.Has(err, "IncorrectModificationState", "VolumeModificationRateExceeded") && !errors.Is(err, csi.ErrPending) {
		return err
	}
	return fmt.Errorf("%w. EC2 takes a modification when the one before is completed (optimizing can take hours), at most 4 in 24 hours; %s", err, v.history())
}
