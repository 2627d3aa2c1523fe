package ec2test

import "slices"

// zoneOf resolves a zone that is given by name, by id, or by both.
func (s *Server) zoneOf(name, id string) (string, error) {
	if name == "" && id == "" {
		return "", errorf("MissingParameter", "The request must contain the parameter AvailabilityZone or AvailabilityZoneId")
	}
	if name != "" && id != "" {
		return "", errorf("InvalidParameterCombination", "The parameters AvailabilityZone and AvailabilityZoneId cannot be used together")
	}
	for _, z := range s.o.Zones {
		if z.Name == name || z.ID == id {
			return z.Name, nil
		}
	}
	return "", errorf("InvalidZone.NotFound", "The zone '%s' does not exist.", name+id)
}

// zoneID is the id of a zone, empty if there is no such zone.
func (s *Server) zoneID(name string) string {
	for _, z := range s.o.Zones {
		if z.Name == name {
			return z.ID
		}
	}
	return ""
}

type describeAvailabilityZonesInput struct {
	AllAvailabilityZones bool
	Filters              []filter `ec2:"Filter"`
	ZoneIds              []string `ec2:"ZoneId"`
	ZoneNames            []string `ec2:"ZoneName"`
}

type zoneXML struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	Region string `xml:"regionName"`
	State  string `xml:"zoneState"`
	Type   string `xml:"zoneType"`
	OptIn  string `xml:"optInStatus"`
	Group  string `xml:"groupName"`
	Border string `xml:"networkBorderGroup"`
}

type describeAvailabilityZonesOutput struct {
	Zones []zoneXML `xml:"availabilityZoneInfo>item"`
}

func (s *Server) describeAvailabilityZones(_ *call, in *describeAvailabilityZonesInput) (any, error) {
	for _, id := range in.ZoneIds {
		if _, err := s.zoneOf("", id); err != nil {
			return nil, err
		}
	}
	for _, name := range in.ZoneNames {
		if _, err := s.zoneOf(name, ""); err != nil {
			return nil, errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	if err := checkFilters(in.Filters, func(name string) bool { _, ok := s.zoneValues(Zone{}, name); return ok }); err != nil {
		return nil, err
	}
	var out describeAvailabilityZonesOutput
	for _, z := range s.o.Zones {
		wanted := len(in.ZoneIds)+len(in.ZoneNames) == 0 || slices.Contains(in.ZoneIds, z.ID) || slices.Contains(in.ZoneNames, z.Name)
		for _, f := range in.Filters {
			values, _ := s.zoneValues(z, f.Name)
			wanted = wanted && f.accepts(values)
		}
		if wanted {
			out.Zones = append(out.Zones, zoneXML{Name: z.Name, ID: z.ID, Region: s.o.Region, State: "available", Type: "availability-zone",
				OptIn: "opt-in-not-required", Group: s.o.Region, Border: s.o.Region})
		}
	}
	return out, nil
}

func (s *Server) zoneValues(z Zone, filter string) ([]string, bool) {
	switch filter {
	case "zone-name":
		return []string{z.Name}, true
	case "zone-id":
		return []string{z.ID}, true
	case "state":
		return []string{"available"}, true
	case "region-name", "group-name":
		return []string{s.o.Region}, true
	case "zone-type":
		return []string{"availability-zone"}, true
	case "opt-in-status":
		return []string{"opt-in-not-required"}, true
	}
	return nil, false
}
