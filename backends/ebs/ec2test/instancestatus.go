package ec2test

type describeInstanceStatusInput struct {
	selection
	InstanceIds             []string `ec2:"InstanceId"`
	IncludeAllInstances     bool
	IncludeManagedResources bool
}

type instanceStatusXML struct {
	InstanceID string   `xml:"instanceId"`
	Zone       string   `xml:"availabilityZone"`
	State      stateXML `xml:"instanceState"`
	System     string   `xml:"systemStatus>status"`
	Instance   string   `xml:"instanceStatus>status"`
	Ebs        string   `xml:"attachedEbsStatus>status"`
}

type describeInstanceStatusOutput struct {
	Statuses  []instanceStatusXML `xml:"instanceStatusSet>item"`
	NextToken string              `xml:"nextToken,omitempty"`
}

// describeInstanceStatus shows running instances only, unless asked for all.
func (s *Server) describeInstanceStatus(c *call, in *describeInstanceStatusInput) (any, error) {
	src := s.visibleInstances(c.now, nil)
	src.page.without = "instanceIds"
	rows, next, err := choose(src, in.InstanceIds, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeInstanceStatusOutput{NextToken: next}
	for _, i := range rows {
		health := "ok"
		if i.State != running {
			health = "not-applicable"
		}
		if i.State == running || in.IncludeAllInstances {
			out.Statuses = append(out.Statuses, instanceStatusXML{i.ID, i.Zone, stateXML{stateCodes[i.State], i.State}, health, health, health})
		}
	}
	return out, nil
}
