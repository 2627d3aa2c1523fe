package ec2test

import (
	"slices"
	"strconv"
	"time"
)

type describeSnapshotsInput struct {
	selection
	Owners       []string `ec2:"Owner"`
	RestorableBy []string `ec2:"RestorableBy"`
	SnapshotIds  []string `ec2:"SnapshotId"`
}

type describeSnapshotsOutput struct {
	Snapshots []snapshotXML `xml:"snapshotSet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

// describeSnapshots shows the snapshots of others too (see
// [Server.AddForeignSnapshot]), unless the owner is given.
func (s *Server) describeSnapshots(c *call, in *describeSnapshotsInput) (any, error) {
	src := source[Snapshot]{
		prefix: "snap", ids: s.snapshots.ids(), row: func(id string) *Snapshot { return s.snapshots.seen(id, c.now) },
		values: func(n *Snapshot, filter string) ([]string, bool) { return s.snapshotValues(n, c.now, filter) },
		tags:   func(n *Snapshot) map[string]string { return n.Tags },
		page:   pageLimits{least: 5, most: 1000, without: "snapshotSet"},
	}
	if len(in.Owners) > 0 {
		all := src.row
		src.row = func(id string) *Snapshot {
			if n := all(id); n != nil && (slices.Contains(in.Owners, n.OwnerID) || slices.Contains(in.Owners, "self") && n.OwnerID == s.o.Account) {
				return n
			}
			return nil
		}
	}
	rows, next, err := choose(src, in.SnapshotIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeSnapshotsOutput{NextToken: next}
	for _, n := range rows {
		out.Snapshots = append(out.Snapshots, s.snapshotXML(n, c.now))
	}
	return out, nil
}

func (s *Server) snapshotValues(n *Snapshot, now time.Time, filter string) ([]string, bool) {
	switch filter {
	case "snapshot-id":
		return []string{n.ID}, true
	case "volume-id":
		return []string{n.VolumeID}, true
	case "volume-size":
		return []string{strconv.FormatInt(n.Size, 10)}, true
	case "status":
		return []string{n.State}, true
	case "progress":
		return []string{strconv.FormatInt(n.progress(now), 10) + "%"}, true
	case "encrypted":
		return []string{strconv.FormatBool(n.Encrypted)}, true
	case "description":
		return []string{n.Description}, true
	case "owner-id":
		return []string{n.OwnerID}, true
	case "start-time":
		return []string{n.Started.UTC().Format(time.RFC3339)}, true
	case "storage-tier":
		return []string{"standard"}, true
	}
	return nil, false
}

// AddForeignSnapshot adds a completed snapshot of another account, such as a
// public one: DescribeSnapshots shows it if no owner is asked for.
func (s *Server) AddForeignSnapshot(owner string, size int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	n := &Snapshot{ID: s.newID("snap"), VolumeID: "vol-ffffffff", State: completed, Size: size, OwnerID: owner, Started: now, Completed: now}
	s.snapshots.put(n.ID, n, now, s.keep(now))
	return n.ID
}
