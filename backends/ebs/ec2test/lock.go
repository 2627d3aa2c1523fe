package ec2test

import (
	"strconv"
	"time"
)

// A Lock keeps a snapshot from being deleted.
type Lock struct {
	Mode         string // governance, compliance
	Created      time.Time
	Expires      time.Time
	CoolsUntil   time.Time // of compliance: changes are free until then; zero is none
	CoolOffHours int64
	Days         int64
	Began        time.Time // of the duration
}

// state is what EC2 calls the lock's state.
func (l *Lock) state(now time.Time) string {
	switch {
	case !now.Before(l.Expires):
		return "expired"
	case l.Mode == "compliance" && now.Before(l.CoolsUntil):
		return "compliance-cooloff"
	}
	return l.Mode
}

func (l *Lock) holds(now time.Time) bool { return l != nil && now.Before(l.Expires) }

type lockSnapshotInput struct {
	CoolOffPeriod  int64
	ExpirationDate time.Time
	LockDuration   int64
	LockMode       string
	SnapshotID     string
}

type lockXML struct {
	SnapshotID         string `xml:"snapshotId"`
	OwnerID            string `xml:"ownerId,omitempty"`
	State              string `xml:"lockState"`
	Days               int64  `xml:"lockDuration,omitempty"`
	CoolOffHours       int64  `xml:"coolOffPeriod,omitempty"`
	CoolOffExpiresOn   stamp  `xml:"coolOffPeriodExpiresOn"`
	CreatedOn          stamp  `xml:"lockCreatedOn"`
	DurationBeginsFrom stamp  `xml:"lockDurationStartTime"`
	ExpiresOn          stamp  `xml:"lockExpiresOn"`
}

func (l *Lock) xml(id string, now time.Time) lockXML {
	return lockXML{SnapshotID: id, State: l.state(now), Days: l.Days, CoolOffHours: l.CoolOffHours, CoolOffExpiresOn: stamp(l.CoolsUntil),
		CreatedOn: stamp(l.Created), DurationBeginsFrom: stamp(l.Began), ExpiresOn: stamp(l.Expires)}
}

func (s *Server) lockSnapshot(c *call, in *lockSnapshotInput) (any, error) {
	n, err := existing(s.snapshots, "snap", in.SnapshotID)
	if err != nil {
		return nil, err
	}
	lock, err := in.lock(c.now)
	if err != nil {
		return nil, err
	}
	if old := n.Lock; old.holds(c.now) {
		if old.state(c.now) == "compliance" && (lock.Mode != "compliance" || lock.Expires.Before(old.Expires)) {
			return nil, errorf("OperationNotPermitted", "The snapshot '%s' is locked in compliance mode: its lock can only be extended.", n.ID)
		}
		lock.Created = old.Created
	}
	if n.State == pending { // the duration begins when the snapshot is there
		lock.Began = n.Started
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	n.Lock = lock
	s.putSnapshot(n, c.now)
	return lock.xml(n.ID, c.now), nil
}

// lock checks the request's parameters (comments of LockSnapshotInput in
// service/ec2 v1.344.1) and returns the lock they make.
func (in *lockSnapshotInput) lock(now time.Time) (*Lock, error) {
	switch {
	case in.LockMode != "governance" && in.LockMode != "compliance":
		return nil, errorf("InvalidParameterValue", "Value (%s) for parameter lockMode is invalid. Expected: governance or compliance.", in.LockMode)
	case (in.LockDuration == 0) == in.ExpirationDate.IsZero():
		return nil, errorf("InvalidParameterCombination", "Exactly one of the parameters lockDuration and expirationDate must be specified.")
	case in.LockDuration < 0 || in.LockDuration > 36500:
		return nil, errorf("InvalidParameterValue", "Value (%d) for parameter lockDuration is invalid. It must be between 1 and 36500 days.", in.LockDuration)
	case in.LockDuration == 0 && in.ExpirationDate.Before(now.Add(24*time.Hour)):
		return nil, errorf("InvalidParameterValue", "The expiration date must be at least 1 day in the future.")
	case in.CoolOffPeriod != 0 && in.LockMode != "compliance":
		return nil, errorf("InvalidParameterCombination", "The parameter coolOffPeriod can only be specified for lockMode compliance.")
	case in.CoolOffPeriod < 0 || in.CoolOffPeriod > 72:
		return nil, errorf("InvalidParameterValue", "Value (%d) for parameter coolOffPeriod is invalid. It must be between 1 and 72 hours.", in.CoolOffPeriod)
	}
	l := &Lock{Mode: in.LockMode, Created: now, Began: now, Days: in.LockDuration, CoolOffHours: in.CoolOffPeriod, Expires: in.ExpirationDate}
	if l.Days > 0 {
		l.Expires = now.AddDate(0, 0, int(l.Days))
	}
	if in.CoolOffPeriod > 0 {
		l.CoolsUntil = now.Add(time.Duration(in.CoolOffPeriod) * time.Hour)
	}
	return l, nil
}

type unlockSnapshotOutput struct {
	SnapshotID string `xml:"snapshotId"`
}

func (s *Server) unlockSnapshot(c *call, in *snapshotInput) (any, error) {
	n, err := existing(s.snapshots, "snap", in.SnapshotID)
	switch {
	case err != nil:
		return nil, err
	case !n.Lock.holds(c.now):
		return nil, errorf("IncorrectState", "The snapshot '%s' is not locked.", n.ID)
	case n.Lock.state(c.now) == "compliance":
		return nil, errorf("OperationNotPermitted", "The snapshot '%s' is locked in compliance mode and cannot be unlocked.", n.ID)
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	n.Lock = nil
	s.putSnapshot(n, c.now)
	return unlockSnapshotOutput{n.ID}, nil
}

type describeLockedSnapshotsInput struct {
	selection
	SnapshotIds []string `ec2:"SnapshotId"`
}

type describeLockedSnapshotsOutput struct {
	Snapshots []lockXML `xml:"snapshotSet>item"`
	NextToken string    `xml:"nextToken,omitempty"`
}

func (s *Server) describeLockedSnapshots(c *call, in *describeLockedSnapshotsInput) (any, error) {
	asked := len(in.SnapshotIds) > 0
	rows, next, err := choose(source[Snapshot]{
		prefix: "snap", ids: s.snapshots.ids(),
		row: func(id string) *Snapshot {
			if n := s.snapshots.seen(id, c.now); n != nil && (n.Lock != nil || asked) {
				return n
			}
			return nil
		},
		values: func(n *Snapshot, filter string) ([]string, bool) {
			if n.Lock == nil {
				return nil, filter == "lock-state" || filter == "lock-duration"
			}
			if filter == "lock-duration" {
				return []string{strconv.FormatInt(n.Lock.Days, 10)}, true
			}
			return []string{n.Lock.state(c.now)}, filter == "lock-state"
		},
		tags: func(*Snapshot) map[string]string { return nil },
		page: pageLimits{least: 5, most: 1000},
	}, in.SnapshotIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeLockedSnapshotsOutput{NextToken: next}
	for _, n := range rows {
		if n.Lock != nil {
			x := n.Lock.xml(n.ID, c.now)
			x.OwnerID = n.OwnerID
			out.Snapshots = append(out.Snapshots, x)
		}
	}
	return out, nil
}
