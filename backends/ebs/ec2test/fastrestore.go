package ec2test

import (
	"maps"
	"slices"
	"time"
)

// A FastRestore is fast snapshot restore of one snapshot in one zone.
type FastRestore struct {
	State string               // enabling, optimizing, enabled, disabling, disabled
	Since map[string]time.Time // when each state began
	Due   time.Time
}

// nextRestoreState is what follows a state by itself.
var nextRestoreState = map[string]string{"enabling": "optimizing", "optimizing": "enabled", "disabling": "disabled"}

func (n *Snapshot) fastRestore(zone string) string { return n.FastRestores[zone].State }

func (s *Server) setFastRestore(n *Snapshot, zone, state string, at time.Time) {
	since := maps.Clone(n.FastRestores[zone].Since)
	if since == nil || state == "enabling" {
		since = map[string]time.Time{}
	}
	since[state] = at
	f := FastRestore{State: state, Since: since}
	if nextRestoreState[state] != "" {
		f.Due = at.Add(s.o.Timings.FastRestore.draw(s.rand))
	}
	if n.FastRestores == nil {
		n.FastRestores = map[string]FastRestore{}
	}
	n.FastRestores[zone] = f
}

// delays reports whether a fast restore goes on only when the snapshot is there.
func (n *Snapshot) delays(f FastRestore) bool { return f.State == "enabling" && n.State == pending }

func (s *Server) stepFastRestores(n *Snapshot, at time.Time) {
	for _, zone := range slices.Sorted(maps.Keys(n.FastRestores)) {
		f := n.FastRestores[zone]
		if f.Due.IsZero() || f.Due.After(at) || n.delays(f) {
			continue
		}
		s.setFastRestore(n, zone, nextRestoreState[f.State], f.Due)
	}
}

type fastRestoresInput struct {
	AvailabilityZoneIds []string `ec2:"AvailabilityZoneId"`
	AvailabilityZones   []string `ec2:"AvailabilityZone"`
	SourceSnapshotIds   []string `ec2:"SourceSnapshotId"`
}

type fastRestoreXML struct {
	SnapshotID     string `xml:"snapshotId"`
	Zone           string `xml:"availabilityZone"`
	ZoneID         string `xml:"availabilityZoneId"`
	State          string `xml:"state"`
	Reason         string `xml:"stateTransitionReason"`
	OwnerID        string `xml:"ownerId"`
	EnablingTime   stamp  `xml:"enablingTime"`
	OptimizingTime stamp  `xml:"optimizingTime"`
	EnabledTime    stamp  `xml:"enabledTime"`
	DisablingTime  stamp  `xml:"disablingTime"`
	DisabledTime   stamp  `xml:"disabledTime"`
}

type fastRestoreErrorXML struct {
	SnapshotID string                    `xml:"snapshotId"`
	Errors     []fastRestoreZoneErrorXML `xml:"fastSnapshotRestoreStateErrorSet>item"`
}

type fastRestoreZoneErrorXML struct {
	Zone    string `xml:"availabilityZone"`
	Code    string `xml:"error>code"`
	Message string `xml:"error>message"`
}

type fastRestoresOutput struct {
	Successful   []fastRestoreXML      `xml:"successful>item"`
	Unsuccessful []fastRestoreErrorXML `xml:"unsuccessful>item"`
}

func (s *Server) enableFastRestores(c *call, in *fastRestoresInput) (any, error) {
	return s.changeFastRestores(c, in, func(n *Snapshot, zone string) *Error {
		if state := n.fastRestore(zone); state == "" || state == "disabled" {
			s.setFastRestore(n, zone, "enabling", c.now)
		}
		return nil
	})
}

func (s *Server) disableFastRestores(c *call, in *fastRestoresInput) (any, error) {
	return s.changeFastRestores(c, in, func(n *Snapshot, zone string) *Error {
		switch n.fastRestore(zone) {
		case "":
			return errorf("InvalidFastSnapshotRestore.NotFound", "Fast snapshot restore is not enabled for '%s' in %s.", n.ID, zone)
		case "enabling", "optimizing", "enabled":
			s.setFastRestore(n, zone, "disabling", c.now)
		}
		return nil
	})
}

func (s *Server) changeFastRestores(c *call, in *fastRestoresInput, change func(*Snapshot, string) *Error) (any, error) {
	zones, err := s.restoreZones(in)
	if err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	var out fastRestoresOutput
	for _, id := range in.SourceSnapshotIds {
		n, err := existing(s.snapshots, "snap", id)
		if err != nil {
			return nil, err
		}
		bad := fastRestoreErrorXML{SnapshotID: id}
		for _, zone := range zones {
			if err := change(n, zone); err != nil {
				bad.Errors = append(bad.Errors, fastRestoreZoneErrorXML{zone, err.Code, err.Message})
			} else {
				out.Successful = append(out.Successful, s.fastRestoreXML(n, zone))
			}
		}
		if len(bad.Errors) > 0 {
			out.Unsuccessful = append(out.Unsuccessful, bad)
		}
		s.putSnapshot(n, c.now)
	}
	return out, nil
}

func (s *Server) restoreZones(in *fastRestoresInput) ([]string, error) {
	var zones []string
	for _, name := range in.AvailabilityZones {
		zone, err := s.zoneOf(name, "")
		if err != nil {
			return nil, errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
		zones = append(zones, zone)
	}
	for _, id := range in.AvailabilityZoneIds {
		zone, err := s.zoneOf("", id)
		if err != nil {
			return nil, err
		}
		zones = append(zones, zone)
	}
	if len(zones) == 0 || len(in.SourceSnapshotIds) == 0 {
		return nil, errorf("MissingParameter", "The request must contain the parameters AvailabilityZone and SourceSnapshotId")
	}
	return zones, nil
}

func (s *Server) fastRestoreXML(n *Snapshot, zone string) fastRestoreXML {
	f := n.FastRestores[zone]
	return fastRestoreXML{n.ID, zone, s.zoneID(zone), f.State, "Client.UserInitiated", n.OwnerID, stamp(f.Since["enabling"]),
		stamp(f.Since["optimizing"]), stamp(f.Since["enabled"]), stamp(f.Since["disabling"]), stamp(f.Since["disabled"])}
}

type describeFastRestoresInput struct{ selection }

type describeFastRestoresOutput struct {
	Restores  []fastRestoreXML `xml:"fastSnapshotRestoreSet>item"`
	NextToken string           `xml:"nextToken,omitempty"`
}

func (s *Server) describeFastRestores(c *call, in *describeFastRestoresInput) (any, error) {
	all := map[string]fastRestoreXML{}
	for _, id := range s.snapshots.ids() {
		if n := s.snapshots.seen(id, c.now); n != nil {
			for zone := range n.FastRestores {
				all[id+" "+zone] = s.fastRestoreXML(n, zone)
			}
		}
	}
	rows, next, err := choose(source[fastRestoreXML]{
		ids: slices.Sorted(maps.Keys(all)), row: func(k string) *fastRestoreXML { f := all[k]; return &f },
		values: fastRestoreValues, tags: func(*fastRestoreXML) map[string]string { return nil },
		page: pageLimits{least: 0, most: 200},
	}, nil, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeFastRestoresOutput{NextToken: next}
	for _, f := range rows {
		out.Restores = append(out.Restores, *f)
	}
	return out, nil
}

func fastRestoreValues(f *fastRestoreXML, filter string) ([]string, bool) {
	switch filter {
	case "availability-zone":
		return []string{f.Zone}, true
	case "availability-zone-id":
		return []string{f.ZoneID}, true
	case "owner-id":
		return []string{f.OwnerID}, true
	case "snapshot-id":
		return []string{f.SnapshotID}, true
	case "state":
		return []string{f.State}, true
	}
	return nil, false
}
