package ec2test

import "time"

type describeInstancesInput struct {
	selection
	InstanceIds             []string `ec2:"InstanceId"`
	IncludeManagedResources bool
}

type stateXML struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type mappingXML struct {
	Device              string `xml:"deviceName"`
	VolumeID            string `xml:"ebs>volumeId"`
	Status              string `xml:"ebs>status"`
	AttachTime          stamp  `xml:"ebs>attachTime"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination"`
	EbsCardIndex        int64  `xml:"ebs>ebsCardIndex"`
}

type interfaceXML struct {
	ID     string `xml:"networkInterfaceId"`
	Mac    string `xml:"macAddress"`
	Status string `xml:"status"`
}

type instanceXML struct {
	InstanceID         string         `xml:"instanceId"`
	InstanceType       string         `xml:"instanceType"`
	State              stateXML       `xml:"instanceState"`
	LaunchTime         stamp          `xml:"launchTime"`
	AvailabilityZone   string         `xml:"placement>availabilityZone"`
	AvailabilityZoneID string         `xml:"placement>availabilityZoneId"`
	Tenancy            string         `xml:"placement>tenancy"`
	PrivateIP          string         `xml:"privateIpAddress"`
	PrivateDNSName     string         `xml:"privateDnsName"`
	RootDeviceName     string         `xml:"rootDeviceName"`
	RootDeviceType     string         `xml:"rootDeviceType"`
	OutpostArn         string         `xml:"outpostArn,omitempty"`
	Mapping            []mappingXML   `xml:"blockDeviceMapping>item"`
	Interfaces         []interfaceXML `xml:"networkInterfaceSet>item"`
	Tags               []tagXML       `xml:"tagSet>item"`
}

type reservationXML struct {
	ID        string        `xml:"reservationId"`
	OwnerID   string        `xml:"ownerId"`
	Instances []instanceXML `xml:"instancesSet>item"`
}

type describeInstancesOutput struct {
	Reservations []reservationXML `xml:"reservationSet>item"`
	NextToken    string           `xml:"nextToken,omitempty"`
}

func (s *Server) describeInstances(c *call, in *describeInstancesInput) (any, error) {
	// The mapping may lag further behind than DescribeVolumes does.
	from := c.now.Add(-s.o.MappingLag.draw(s.rand))
	maps := s.mappings(func(id string) *Volume { return s.volumes.seen(id, from) })
	rows, next, err := choose(s.visibleInstances(c.now, maps), in.InstanceIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeInstancesOutput{NextToken: next}
	for _, i := range rows {
		out.Reservations = append(out.Reservations, reservationXML{ID: "r" + i.ID[1:], OwnerID: s.o.Account,
			Instances: []instanceXML{s.instanceXML(i, maps[i.ID])}})
	}
	return out, nil
}

func (s *Server) instanceXML(i *Instance, mapping []mapped) instanceXML {
	x := instanceXML{InstanceID: i.ID, InstanceType: i.Type, State: stateXML{stateCodes[i.State], i.State}, LaunchTime: stamp(i.Launched),
		AvailabilityZone: i.Zone, AvailabilityZoneID: s.zoneID(i.Zone), Tenancy: "default", PrivateIP: i.PrivateIP, PrivateDNSName: i.privateDNS(s.o.Region),
		RootDeviceName: rootDevice, RootDeviceType: "ebs", OutpostArn: i.OutpostARN, Tags: tagsXML(i.Tags)}
	for _, m := range mapping {
		x.Mapping = append(x.Mapping, mappingXML{m.Device, m.volume, m.State, stamp(m.Since), m.DeleteOnTermination, m.Card})
	}
	for n := range i.Interfaces {
		x.Interfaces = append(x.Interfaces, interfaceXML{ID: i.interfaceID(n), Mac: i.mac(n), Status: "in-use"})
	}
	return x
}

var stateCodes = map[string]int{"pending": 0, running: 16, "shutting-down": 32, terminated: 48, "stopping": 64, stopped: 80}

func (s *Server) visibleInstances(now time.Time, maps map[string][]mapped) source[Instance] {
	return source[Instance]{
		prefix: "i", ids: s.instances.ids(), row: func(id string) *Instance { return s.instances.seen(id, now) },
		values: func(i *Instance, filter string) ([]string, bool) { return s.instanceValues(i, maps, filter) },
		tags:   func(i *Instance) map[string]string { return i.Tags },
		page:   pageLimits{least: 5, most: 1000, without: "instancesSet"},
	}
}

func (s *Server) instanceValues(i *Instance, maps map[string][]mapped, filter string) ([]string, bool) {
	each := func(f func(mapped) string) (values []string, known bool) {
		for _, m := range maps[i.ID] {
			values = append(values, f(m))
		}
		return values, true
	}
	switch filter {
	case "instance-id":
		return []string{i.ID}, true
	case "instance-state-name":
		return []string{i.State}, true
	case "instance-type":
		return []string{i.Type}, true
	case "availability-zone":
		return []string{i.Zone}, true
	case "availability-zone-id":
		return []string{s.zoneID(i.Zone)}, true
	case "private-ip-address":
		return []string{i.PrivateIP}, true
	case "private-dns-name":
		return []string{i.privateDNS(s.o.Region)}, true
	case "block-device-mapping.volume-id":
		return each(func(m mapped) string { return m.volume })
	case "block-device-mapping.device-name":
		return each(func(m mapped) string { return m.Device })
	case "block-device-mapping.status":
		return each(func(m mapped) string { return m.State })
	}
	return nil, false
}
