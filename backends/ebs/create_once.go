package ebs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
	"github.com/csikit/csikit/internal/poll"
)

// Two things make a volume once. For as long as EC2 remembers client tokens (a
// day) the token, which depends on nothing but the name; and its name tag, which
// is there for ever but is seen late.

// mostBurnt is how many volumes may vanish during one creation: one that is gone
// for long, whose token EC2 remembers, and one that is new.
const mostBurnt = 2

// errVanished says that the volume of a token is not there any more.
var errVanished = errors.New("vanished")

// find returns the volume of the name when it can be used, or nil. It looks for
// as long as lag says.
func (c *creation) find(ctx context.Context, lag time.Duration) (*types.Volume, error) {
	list, found, err := c.b.volumesNamed.Find(ctx, c.spec.Name, lag)
	if err != nil || !found {
		return nil, err
	}
	oldest := slices.MinFunc(list, func(a, b types.Volume) int {
		return cmp.Or(aws.ToTime(a.CreateTime).Compare(aws.ToTime(b.CreateTime)), cmp.Compare(*a.VolumeId, *b.VolumeId))
	})
	if len(list) > 1 {
		c.b.o.Logger.Warn("several volumes have one name, the oldest is used", "name", c.spec.Name, "volume", *oldest.VolumeId, "volumes", len(list))
	}
	return c.ready(ctx, &oldest)
}

// ready waits until a volume that was seen can be used.
func (c *creation) ready(ctx context.Context, v *types.Volume) (*types.Volume, error) {
	if v.State == types.VolumeStateAvailable || v.State == types.VolumeStateInUse {
		return v, nil
	}
	v, err := c.await(ctx, c.b.times.create, func(context.Context) (string, bool, error) { return *v.VolumeId, false, nil })
	if errors.Is(err, errVanished) {
		return nil, nil
	}
	return v, err
}

// makeAt makes the volume in a place, once.
func (c *creation) makeAt(ctx context.Context, at place) (*types.Volume, error) {
	name, generation := c.spec.Name, 1
	if known, ok := c.b.generations.Load(name); ok {
		generation = known.(int)
	}
	times := c.b.times.create
	if c.snapshot != "" || c.original != nil {
		times = c.b.times.copy
	}
	for burnt := 0; ; generation++ {
		v, err := c.await(ctx, times, func(ctx context.Context) (string, bool, error) {
			id, err := c.call(ctx, at, token(name, generation))
			return id, true, err
		})
		switch {
		case awscall.Has(err, "IdempotentParameterMismatch"):
			// Somebody asked for this name in another way: for another zone
			// or size, before a restart or a day ago.
			if v, err := c.find(ctx, c.b.o.Consistency); v != nil || err != nil {
				return v, err
			}
		case errors.Is(err, errVanished):
			c.b.generations.Store(name, generation+1)
			if burnt++; burnt == mostBurnt {
				return nil, c.failed(err)
			}
		default:
			if err == nil {
				c.b.generations.Delete(name)
			}
			return v, err
		}
	}
}

// failed explains why EC2 took back a volume that it had promised.
func (c *creation) failed(err error) error {
	key := "with the parameters given"
	if c.p.kmsKey != "" {
		key = "if the KMS key " + c.p.kmsKey + " does not exist, is disabled, or may not be used by this driver (kms:CreateGrant, kms:GenerateDataKeyWithoutPlaintext, kms:ReEncrypt*, kms:Decrypt)"
	} else if c.p.encrypted != nil && *c.p.encrypted || c.snapshot != "" || c.original != nil {
		key = "if the KMS key of the account or of the source cannot be used by this driver"
	}
	return fmt.Errorf("%w: EC2 promised a volume and then dropped it, which it does %s: %w", csi.ErrFailed, key, err)
}

// await waits until a volume can be used that begin makes or names. One that is
// not seen for longer than reads lag has vanished.
func (c *creation) await(ctx context.Context, times *poll.Times, begin poll.Begin) (*types.Volume, error) {
	var id string
	var v types.Volume
	var last time.Time
	err := c.b.volumes.Follow(ctx, times, func(ctx context.Context) (_ string, begun bool, err error) {
		id, begun, err = begin(ctx)
		last = time.Now()
		return id, begun, err
	}, func(seen types.Volume, found bool) (bool, error) {
		if !found || gone(seen.State) {
			if time.Since(last) > c.b.o.Consistency {
				return false, fmt.Errorf("%w: EC2 has no volume %s", errVanished, id)
			}
			return false, nil
		}
		v, last = seen, time.Now()
		if seen.State == types.VolumeStateError {
			return false, fmt.Errorf("%w: volume %s is in state error", errVanished, id)
		}
		return seen.State == types.VolumeStateAvailable || seen.State == types.VolumeStateInUse, nil
	})
	if errors.Is(err, errVanished) && v.State == types.VolumeStateError {
		if failed := c.b.DeleteVolume(ctx, csi.VolumeRef{ID: id}); failed != nil && !errors.Is(failed, csi.ErrNotFound) {
			return nil, fmt.Errorf("%w: volume %s is in state error and could not be deleted: %w", csi.ErrUnavailable, id, failed)
		}
	}
	if err != nil {
		return nil, ended(ctx, err, fmt.Sprintf("volume %s is %q", id, v.State))
	}
	return &v, nil
}
