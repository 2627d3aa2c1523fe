package ec2test

import (
	"slices"
	"strings"
)

// An InstanceType has what EC2 says of a type of instance.
type InstanceType struct {
	Name  string // m5.large
	Nitro bool
	// MaxVolumes is MaximumEbsAttachments: the root counts, and where Shared
	// is set each network interface but the first does too.
	MaxVolumes int
	Shared     bool
	// Cards is the number of EBS cards, among which MaxVolumes is divided
	// evenly; 0 is one.
	Cards int64
	// MaxInterfaces is how many network interfaces it may have.
	MaxInterfaces int64
	VCPUs         int64
	MemoryMiB     int64
}

func (t InstanceType) cards() int64 { return max(1, t.Cards) }

// InstanceTypes are the types a server knows: a sample of each generation, not
// EC2's full list. Attachment limits agree with the table of backends/ebs, which
// a test there checks.
func InstanceTypes() []InstanceType {
	return slices.Clone(instanceTypes)
}

var instanceTypes = []InstanceType{
	{Name: "t2.micro", MaxVolumes: 39, MaxInterfaces: 2, VCPUs: 1, MemoryMiB: 1024},
	{Name: "m4.large", MaxVolumes: 39, MaxInterfaces: 2, VCPUs: 2, MemoryMiB: 8192},
	{Name: "t3.micro", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 2, VCPUs: 2, MemoryMiB: 1024},
	{Name: "t3.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 8192},
	{Name: "m5.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 8192},
	{Name: "m5.xlarge", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 4, VCPUs: 4, MemoryMiB: 16384},
	{Name: "c5.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 4096},
	{Name: "r5.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 16384},
	{Name: "m6i.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 8192},
	{Name: "m6g.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 8192},
	{Name: "m7i.large", Nitro: true, MaxVolumes: 32, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 8192},
	{Name: "m7i.48xlarge", Nitro: true, MaxVolumes: 128, MaxInterfaces: 15, VCPUs: 192, MemoryMiB: 786432},
	{Name: "r7g.large", Nitro: true, MaxVolumes: 27, Shared: true, MaxInterfaces: 3, VCPUs: 2, MemoryMiB: 16384},
	{Name: "m5.metal", Nitro: true, MaxVolumes: 31, Shared: true, MaxInterfaces: 15, VCPUs: 96, MemoryMiB: 393216},
}

// instanceType returns a type, or the zero one.
func (s *Server) instanceType(name string) InstanceType {
	for _, list := range [][]InstanceType{s.o.InstanceTypes, instanceTypes} {
		for _, t := range list {
			if t.Name == name {
				return t
			}
		}
	}
	return InstanceType{}
}

type describeInstanceTypesInput struct {
	selection
	InstanceTypes              []string `ec2:"InstanceType"`
	IncludeUnsupportedInRegion bool
}

type ebsCardXML struct {
	Index int64 `xml:"ebsCardIndex"`
}

type instanceTypeXML struct {
	InstanceType string `xml:"instanceType"`
	Hypervisor   string `xml:"hypervisor,omitempty"`
	BareMetal    bool   `xml:"bareMetal"`
	VCPUs        int64  `xml:"vCpuInfo>defaultVCpus"`
	MemoryMiB    int64  `xml:"memoryInfo>sizeInMiB"`
	Ebs          struct {
		Optimized   string       `xml:"ebsOptimizedSupport"`
		Encryption  string       `xml:"encryptionSupport"`
		Nvme        string       `xml:"nvmeSupport"`
		Maximum     int          `xml:"maximumEbsAttachments"`
		LimitType   string       `xml:"attachmentLimitType"`
		MaximumCard int64        `xml:"maximumEbsCards"`
		Cards       []ebsCardXML `xml:"ebsCardSet>item"`
	} `xml:"ebsInfo"`
	MaxInterfaces int64 `xml:"networkInfo>maximumNetworkInterfaces"`
}

type describeInstanceTypesOutput struct {
	Types     []instanceTypeXML `xml:"instanceTypeSet>item"`
	NextToken string            `xml:"nextToken,omitempty"`
}

func (s *Server) describeInstanceTypes(_ *call, in *describeInstanceTypesInput) (any, error) {
	for _, name := range in.InstanceTypes {
		if s.instanceType(name).Name == "" {
			return nil, errorf("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	rows, next, err := choose(s.knownTypes(in.InstanceTypes), nil, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeInstanceTypesOutput{NextToken: next}
	for _, t := range rows {
		out.Types = append(out.Types, t.xml())
	}
	return out, nil
}

// knownTypes are the types with the names given, or all.
func (s *Server) knownTypes(names []string) source[InstanceType] {
	if len(names) == 0 {
		for _, t := range slices.Concat(s.o.InstanceTypes, instanceTypes) {
			names = append(names, t.Name)
		}
	}
	return source[InstanceType]{
		ids: names, row: func(name string) *InstanceType { t := s.instanceType(name); return &t },
		values: func(t *InstanceType, filter string) ([]string, bool) {
			return []string{t.Name}, filter == "instance-type"
		},
		tags: func(*InstanceType) map[string]string { return nil },
		page: pageLimits{least: 5, most: 100},
	}
}

func (t InstanceType) xml() instanceTypeXML {
	x := instanceTypeXML{InstanceType: t.Name, BareMetal: strings.Contains(t.Name, ".metal"), Hypervisor: "xen",
		VCPUs: t.VCPUs, MemoryMiB: t.MemoryMiB, MaxInterfaces: t.MaxInterfaces}
	x.Ebs.Optimized, x.Ebs.Encryption, x.Ebs.Nvme = "default", "supported", "unsupported"
	if t.Nitro {
		x.Hypervisor, x.Ebs.Nvme = "nitro", "required"
	}
	if x.BareMetal {
		x.Hypervisor = ""
	}
	x.Ebs.Maximum, x.Ebs.LimitType, x.Ebs.MaximumCard = t.MaxVolumes, "dedicated", t.cards()
	if t.Shared {
		x.Ebs.LimitType = "shared"
	}
	for i := range t.cards() {
		x.Ebs.Cards = append(x.Ebs.Cards, ebsCardXML{i})
	}
	return x
}
