package ec2test

import (
	"strconv"
	"time"
)

type createSnapshotInput struct {
	Description, Location, OutpostArn, VolumeID string
	TagSpecifications                           []tagSpecification `ec2:"TagSpecification"`
}

type snapshotXML struct {
	SnapshotID    string   `xml:"snapshotId"`
	VolumeID      string   `xml:"volumeId"`
	Status        string   `xml:"status,omitempty"`
	State         string   `xml:"state,omitempty"` // CreateSnapshots says it so
	StatusMessage string   `xml:"statusMessage,omitempty"`
	StartTime     stamp    `xml:"startTime"`
	Completion    stamp    `xml:"completionTime"`
	Progress      string   `xml:"progress"`
	OwnerID       string   `xml:"ownerId"`
	VolumeSize    int64    `xml:"volumeSize"`
	Description   string   `xml:"description"`
	Encrypted     bool     `xml:"encrypted"`
	KmsKeyID      string   `xml:"kmsKeyId,omitempty"`
	OutpostArn    string   `xml:"outpostArn,omitempty"`
	StorageTier   string   `xml:"storageTier,omitempty"`
	Tags          []tagXML `xml:"tagSet>item"`
}

func (s *Server) createSnapshot(c *call, in *createSnapshotInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	if err != nil {
		return nil, err
	}
	tags, err := tagsFor("snapshot", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	if err := s.snapshotAllowed(v, c.now, 1); err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	made, err := s.cut(c, []*Volume{v}, in.Description, in.OutpostArn, func(*Volume) map[string]string { return tags })
	if err != nil {
		return nil, err
	}
	return s.snapshotXML(made[0], c.now), nil
}

// snapshotAllowed checks state, quota and rates for a snapshot of v, which is
// one of n to be made.
func (s *Server) snapshotAllowed(v *Volume, now time.Time, n int) error {
	if v.State != available && v.State != inUse {
		return errorf("IncorrectState", "The volume '%s' is '%s'.", v.ID, v.State)
	}
	all, running, tooSoon := 0, 0, false
	s.snapshots.each(func(other *Snapshot) {
		all++
		if other.VolumeID == v.ID && other.State == pending {
			running++
		}
		tooSoon = tooSoon || other.VolumeID == v.ID && now.Sub(other.Started) < s.o.Quotas.SnapshotInterval
	})
	switch most := volumeTypes[v.Type].pendingSnapshots; {
	case tooSoon:
		return errorf("SnapshotCreationPerVolumeRateExceeded", "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable sleep interval between requests.")
	case running >= most:
		return errorf("ConcurrentSnapshotLimitExceeded", "Maximum allowed in-progress snapshots for a single volume exceeded: %d for %s.", most, v.Type)
	case s.o.Quotas.Snapshots > 0 && all+n > s.o.Quotas.Snapshots:
		return errorf("SnapshotLimitExceeded", "You have exceeded your maximum snapshot limit of %d in this region.", s.o.Quotas.Snapshots)
	}
	return nil
}

// cut makes a snapshot of each volume, all of one moment as far as volumes
// that are written through one mount go.
func (s *Server) cut(c *call, from []*Volume, description, outpost string, tags func(*Volume) map[string]string) ([]*Snapshot, error) {
	var made []*Snapshot
	for _, v := range from {
		n := &Snapshot{ID: s.newID("snap"), VolumeID: v.ID, State: pending, Size: v.Size, Encrypted: v.Encrypted, KMSKey: v.KMSKey,
			Description: description, OutpostARN: outpost, OwnerID: s.o.Account, Started: c.now, Tags: tags(v), Duration: s.o.Timings.Snapshot.draw(s.rand)}
		n.Due = c.now.Add(n.Duration)
		s.putSnapshot(n, c.now)
		made, c.made = append(made, n), append(c.made, n.ID)
	}
	return made, s.cutImages(made)
}

func (s *Server) snapshotXML(n *Snapshot, now time.Time) snapshotXML {
	return snapshotXML{SnapshotID: n.ID, VolumeID: n.VolumeID, Status: n.State, StatusMessage: n.Message, StartTime: stamp(n.Started),
		Completion: stamp(n.Completed), Progress: strconv.FormatInt(n.progress(now), 10) + "%", OwnerID: n.OwnerID, VolumeSize: n.Size, Description: n.Description,
		Encrypted: n.Encrypted, KmsKeyID: n.KMSKey, OutpostArn: n.OutpostARN, StorageTier: "standard", Tags: tagsXML(n.Tags)}
}
