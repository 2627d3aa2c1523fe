package ec2test

import "time"

const statusOK = "ok"

type detailXML struct {
	Name   string `xml:"name"`
	Status string `xml:"status"`
}

type volumeStatusXML struct {
	VolumeID string      `xml:"volumeId"`
	Zone     string      `xml:"availabilityZone"`
	ZoneID   string      `xml:"availabilityZoneId"`
	Status   string      `xml:"volumeStatus>status"`
	Details  []detailXML `xml:"volumeStatus>details>item"`
	Actions  []actionXML `xml:"actionsSet>item"`
	Events   []eventXML  `xml:"eventsSet>item"`
	Type     string      `xml:"initializationStatusDetails>initializationType,omitempty"`
	Progress int64       `xml:"initializationStatusDetails>progress,omitempty"`
	Seconds  int64       `xml:"initializationStatusDetails>estimatedTimeToCompleteInSeconds,omitempty"`
}

type actionXML struct {
	Code        string `xml:"code"`
	Description string `xml:"description"`
	EventType   string `xml:"eventType"`
}

type eventXML struct {
	EventType   string `xml:"eventType"`
	Description string `xml:"description"`
}

type describeVolumeStatusInput struct {
	selection
	VolumeIds               []string `ec2:"VolumeId"`
	IncludeManagedResources bool
}

type describeVolumeStatusOutput struct {
	Statuses  []volumeStatusXML `xml:"volumeStatusSet>item"`
	NextToken string            `xml:"nextToken,omitempty"`
}

func (s *Server) describeVolumeStatus(c *call, in *describeVolumeStatusInput) (any, error) {
	src := s.visibleVolumes(c.now)
	src.page.without = "volumeIds"
	src.values = s.volumeStatusValues
	rows, next, err := choose(src, in.VolumeIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeVolumeStatusOutput{NextToken: next}
	for _, v := range rows {
		out.Statuses = append(out.Statuses, s.volumeStatusXML(v, c.now))
	}
	return out, nil
}

func (s *Server) volumeStatusXML(v *Volume, now time.Time) volumeStatusXML {
	x := volumeStatusXML{VolumeID: v.ID, Zone: v.Zone, ZoneID: s.zoneID(v.Zone), Status: v.Status}
	io := "passed"
	if v.IODisabled {
		io = "failed"
		x.Actions = []actionXML{{"enable-volume-io", "Enable volume I/O", "potential-data-inconsistency"}}
	}
	if v.Status != statusOK && v.Status != "insufficient-data" {
		x.Events = []eventXML{{"potential-data-inconsistency", "Injected by the test."}}
	}
	x.Details = []detailXML{{"io-enabled", io}, {"io-performance", "not-applicable"}}
	if volumeTypes[v.Type].iopsRequired {
		x.Details[1].Status = "normal"
	}
	if v.SnapshotID == "" && v.SourceVolumeID == "" {
		return x
	}
	x.initialization(v, now)
	return x
}

// initialization says how much of the data has arrived. The names of the
// states follow the EBS user guide, "Monitor volume initialization".
func (x *volumeStatusXML) initialization(v *Volume, now time.Time) {
	x.Type = "default"
	switch {
	case v.SourceVolumeID != "":
		x.Type = "volume-copy"
	case v.InitializationRate > 0:
		x.Type = "provisioned-rate"
	}
	state, left, whole := "completed", v.Initialized.Sub(now), v.Initialized.Sub(v.Created)
	x.Progress = 100
	if left > 0 && whole > 0 {
		state, x.Progress, x.Seconds = "initializing", max(0, 100-int64(100*left/whole)), int64(left.Seconds())+1
	}
	x.Details = append(x.Details, detailXML{"initialization-state", state})
}

func (s *Server) volumeStatusValues(v *Volume, filter string) ([]string, bool) {
	switch filter {
	case "volume-status.status":
		return []string{v.Status}, true
	case "availability-zone":
		return []string{v.Zone}, true
	case "availability-zone-id":
		return []string{s.zoneID(v.Zone)}, true
	case "volume-status.details-name":
		return []string{"io-enabled", "io-performance"}, true
	}
	return nil, false
}

// SetVolumeStatus makes DescribeVolumeStatus say ok, impaired, warning or
// insufficient-data of a volume. An impaired one has its I/O disabled until
// EnableVolumeIO.
func (s *Server) SetVolumeStatus(id, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := existing(s.volumes, "vol", id)
	if err != nil {
		return err
	}
	v.Status, v.IODisabled = status, status == "impaired"
	s.putVolume(v, s.now())
	return s.save()
}

func (s *Server) enableVolumeIO(c *call, in *volumeInput) (any, error) {
	v, err := existing(s.volumes, "vol", in.VolumeID)
	if err != nil {
		return nil, err
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	if v.IODisabled {
		v.Status, v.IODisabled = "warning", false
	}
	s.putVolume(v, c.now)
	return done{true}, nil
}
