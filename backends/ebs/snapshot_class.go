package ebs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/classparam"
	"github.com/csikit/csikit/internal/tagtext"
)

// snapshotParameters are those of a VolumeSnapshotClass.
type snapshotParameters struct {
	tags    tagtext.Texts
	outpost string
	fastIn  []string // zones with fast snapshot restore
	lock    types.LockMode
	days    int64
	until   time.Time
	coolOff int64 // hours
}

var snapshotNames = classparam.Names[snapshotParameters]{
	"tagspecification*":                    func(p *snapshotParameters, v string) error { return p.tags.Add(v, checkTag) },
	"outpostarn":                           func(p *snapshotParameters, v string) error { p.outpost = v; return nil },
	"fastsnapshotrestoreavailabilityzones": func(p *snapshotParameters, v string) error { return classparam.List(&p.fastIn, v) },
	"lockmode":                             func(p *snapshotParameters, v string) error { return classparam.OneOf(&p.lock, v, p.lock.Values()...) },
	"lockduration":                         func(p *snapshotParameters, v string) error { return classparam.Number(&p.days, v) },
	"lockcooloffperiod":                    func(p *snapshotParameters, v string) error { return classparam.Between(&p.coolOff, v, 1, 72) },
	"lockexpirationdate":                   func(p *snapshotParameters, v string) error { return classparam.Time(&p.until, v) },
}

func parseSnapshotClass(from map[string]string) (*snapshotParameters, error) {
	p := &snapshotParameters{}
	if err := snapshotNames.Read(p, from); err != nil {
		return nil, err
	}
	return p, p.check()
}

func (p *snapshotParameters) check() error {
	switch {
	case p.lock == "" && (p.days > 0 || p.coolOff > 0 || !p.until.IsZero()):
		return invalid("lockDuration, lockExpirationDate and lockCoolOffPeriod need lockMode")
	case p.lock != "" && (p.days > 0) == !p.until.IsZero():
		return invalid("lockMode needs either lockDuration or lockExpirationDate")
	case p.coolOff > 0 && p.lock != types.LockModeCompliance:
		return invalid("lockCoolOffPeriod is for lockMode compliance")
	}
	return nil
}

// finish does what is left to do for snapshots. If EC2 refuses that for good,
// those that were just cut are deleted again.
func (b *Backend) finish(ctx context.Context, list []types.Snapshot, p *snapshotParameters, fresh bool) (err error) {
	for _, s := range list {
		if err = b.restoreFast(ctx, &s, p); err == nil {
			err = b.lock(ctx, &s, p, fresh)
		}
		if err != nil {
			break
		}
	}
	switch {
	case err == nil, errors.Is(err, csi.ErrUnavailable), errors.Is(err, csi.ErrPending):
		return err
	case !fresh: // a final error would say that there is no snapshot
		return fmt.Errorf("%w: snapshot %s exists and is kept, but is not as asked for: %s", csi.ErrUnavailable, *list[0].SnapshotId, err)
	}
	if undo := b.deleteAll(ctx, list); undo != nil {
		return fmt.Errorf("%w: snapshot %s is not as asked for (%s) and could not be deleted: %w", csi.ErrUnavailable, *list[0].SnapshotId, err, undo)
	}
	return err
}

// restoreFast turns fast snapshot restore on; again does no harm.
func (b *Backend) restoreFast(ctx context.Context, s *types.Snapshot, p *snapshotParameters) error {
	if len(p.fastIn) == 0 {
		return nil
	}
	out, err := b.ec2.EnableFastSnapshotRestores(ctx, &ec2.EnableFastSnapshotRestoresInput{AvailabilityZones: p.fastIn, SourceSnapshotIds: []string{*s.SnapshotId}})
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
	return fmt.Errorf("%w: fast snapshot restore of %s in zone %s: %s: %s", ec2Codes.Meaning(code), snapshot, aws.ToString(failed.AvailabilityZone), code, text)
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
	in := &ec2.LockSnapshotInput{SnapshotId: s.SnapshotId, LockMode: p.lock, LockDuration: orNil(int32(p.days)), CoolOffPeriod: orNil(int32(p.coolOff))}
	if !p.until.IsZero() {
		in.ExpirationDate = &p.until
	}
	_, err := b.ec2.LockSnapshot(ctx, in)
	return err
}

func (b *Backend) locked(ctx context.Context, id string) (bool, error) {
	out, err := b.ec2.DescribeLockedSnapshots(ctx, &ec2.DescribeLockedSnapshotsInput{SnapshotIds: []string{id}})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(out.Snapshots, func(l types.LockedSnapshotsInfo) bool {
		return aws.ToString(l.SnapshotId) == id && l.LockState != types.LockStateExpired
	}), nil
}
