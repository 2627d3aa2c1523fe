package ebs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
)

// snapshotParameters are those of a VolumeSnapshotClass.
type snapshotParameters struct {
	tags    []string
	outpost string
	fastIn  []string // zones with fast snapshot restore
	lock    types.LockMode
	days    int64
	until   time.Time
	coolOff int64 // hours
}

var snapshotNames = map[string]func(p *snapshotParameters, value string) error{
	"outpostarn": func(p *snapshotParameters, v string) error { p.outpost = v; return nil },
	"fastsnapshotrestoreavailabilityzones": func(p *snapshotParameters, v string) error {
		p.fastIn = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	},
	"lockmode": func(p *snapshotParameters, v string) error {
		if p.lock = types.LockMode(strings.ToLower(v)); !slices.Contains(p.lock.Values(), p.lock) {
			return invalid("want governance or compliance")
		}
		return nil
	},
	"lockduration":      func(p *snapshotParameters, v string) error { return number(v, &p.days) },
	"lockcooloffperiod": func(p *snapshotParameters, v string) error { return number(v, &p.coolOff) },
	"lockexpirationdate": func(p *snapshotParameters, v string) (err error) {
		if p.until, err = time.Parse(time.RFC3339, v); err != nil {
			return invalid("want a time such as 2027-01-31T00:00:00Z")
		}
		return nil
	},
}

func parseSnapshotClass(from map[string]string) (*snapshotParameters, error) {
	p := &snapshotParameters{}
	for _, key := range slices.Sorted(maps.Keys(from)) {
		name := strings.ToLower(key)
		if strings.HasPrefix(name, "tagspecification") {
			p.tags = append(p.tags, from[key])
			continue
		}
		set, ok := snapshotNames[name]
		if !ok {
			return nil, invalid("snapshot parameter %s: there is none of that name; there are tagSpecification_N, %s", key, strings.Join(slices.Sorted(maps.Keys(snapshotNames)), ", "))
		}
		if err := set(p, from[key]); err != nil {
			return nil, fmt.Errorf("snapshot parameter %s=%q: %w", key, from[key], err)
		}
	}
	return p, p.check()
}

func (p *snapshotParameters) check() error {
	switch {
	case p.lock == "" && (p.days > 0 || p.coolOff > 0 || !p.until.IsZero()):
		return invalid("lockDuration, lockExpirationDate and lockCoolOffPeriod need lockMode")
	case p.lock != "" && (p.days > 0) == !p.until.IsZero():
		return invalid("lockMode needs either lockDuration or lockExpirationDate")
	case p.coolOff > 0 && (p.lock != types.LockModeCompliance || p.coolOff > 72):
		return invalid("lockCoolOffPeriod is 1 to 72 hours, of lockMode compliance")
	}
	return checkTagTexts(p.tags, nil)
}

// finish does what is left to do for a snapshot. If EC2 refuses that for good,
// a snapshot that was just cut is deleted again.
func (b *Backend) finish(ctx context.Context, s *types.Snapshot, p *snapshotParameters, fresh bool) error {
	err := b.restoreFast(ctx, s, p)
	if err == nil {
		err = b.lock(ctx, s, p, fresh)
	}
	switch {
	case err == nil, errors.Is(err, csi.ErrUnavailable), errors.Is(err, csi.ErrPending):
		return err
	case !fresh: // a final error would say that there is no snapshot
		return fmt.Errorf("%w: snapshot %s exists and is kept, but is not as asked for: %s", csi.ErrUnavailable, *s.SnapshotId, err)
	}
	if undo := b.DeleteSnapshot(ctx, csi.SnapshotRef{ID: *s.SnapshotId}); undo != nil && !errors.Is(undo, csi.ErrNotFound) {
		return fmt.Errorf("%w: snapshot %s is not as asked for (%s) and could not be deleted: %w", csi.ErrUnavailable, *s.SnapshotId, err, undo)
	}
	return err
}

// restoreFast turns fast snapshot restore on; again does no harm.
func (b *Backend) restoreFast(ctx context.Context, s *types.Snapshot, p *snapshotParameters) error {
	if len(p.fastIn) == 0 {
		return nil
	}
	out, err := invoke(ctx, b.c, "EnableFastSnapshotRestores", (*ec2.Client).EnableFastSnapshotRestores,
		&ec2.EnableFastSnapshotRestoresInput{AvailabilityZones: p.fastIn, SourceSnapshotIds: []string{*s.SnapshotId}})
	if err != nil {
		return err
	}
	for _, item := range out.Unsuccessful {
		if failed := item.FastSnapshotRestoreStateErrors; len(failed) > 0 {
			return notFast(*s.SnapshotId, failed[0])
		}
	}
	return nil
}

// notFast is the error of a zone where fast snapshot restore cannot be.
func notFast(snapshot string, failed types.EnableFastSnapshotRestoreStateErrorItem) error {
	code, text := "", ""
	if failed.Error != nil {
		code, text = aws.ToString(failed.Error.Code), aws.ToString(failed.Error.Message)
	}
	means, known := ec2Codes[code]
	if !known || errors.Is(means, errThrottled) {
		means = csi.ErrUnavailable
	}
	return fmt.Errorf("%w: fast snapshot restore of %s in zone %s: %s: %s", means, snapshot, aws.ToString(failed.AvailabilityZone), code, text)
}

// lock locks the snapshot unless it is locked: a lock cannot be repeated at
// will, and one of mode compliance not be undone.
func (b *Backend) lock(ctx context.Context, s *types.Snapshot, p *snapshotParameters, fresh bool) error {
	if p.lock == "" {
		return nil
	}
	if !fresh {
		locked, err := b.locked(ctx, *s.SnapshotId)
		if locked || err != nil {
			return err
		}
	}
	in := &ec2.LockSnapshotInput{SnapshotId: s.SnapshotId, LockMode: p.lock, LockDuration: int32OrNil(p.days), CoolOffPeriod: int32OrNil(p.coolOff)}
	if !p.until.IsZero() {
		in.ExpirationDate = &p.until
	}
	_, err := invoke(ctx, b.c, "LockSnapshot", (*ec2.Client).LockSnapshot, in)
	return err
}

func (b *Backend) locked(ctx context.Context, id string) (bool, error) {
	out, err := invoke(ctx, b.c, "DescribeLockedSnapshots", (*ec2.Client).DescribeLockedSnapshots, &ec2.DescribeLockedSnapshotsInput{SnapshotIds: []string{id}})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(out.Snapshots, func(l types.LockedSnapshotsInfo) bool {
		return aws.ToString(l.SnapshotId) == id && l.LockState != types.LockStateExpired
	}), nil
}
