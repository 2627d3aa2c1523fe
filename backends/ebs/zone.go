package ebs

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
)

// The topology keys are those of aws-ebs-csi-driver.
const (
	keyZone           = "topology.ebs.csi.aws.com/zone"
	keyKubernetesZone = "topology.kubernetes.io/zone"
	keyZoneID         = "topology.k8s.aws/zone-id"
	keyRegion         = "topology.ebs.csi.aws.com/region"
	keyPartition      = "topology.ebs.csi.aws.com/partition"
	keyAccount        = "topology.ebs.csi.aws.com/account-id"
	keyOutpost        = "topology.ebs.csi.aws.com/outpost-id"
)

var outpostKeys = []string{keyRegion, keyPartition, keyAccount, keyOutpost}

// A place is where a volume can be made: a zone, and an outpost if not empty.
type place struct {
	zone, outpost string
}

const zonesAge = time.Hour

// zones are those of the region.
type zones struct {
	known  []csi.Topology // each by all of its names
	usable []string       // for volumes that may be anywhere
}

func (b *Backend) fetchZones(ctx context.Context) (z zones, err error) {
	out, err := b.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return z, err
	}
	for _, a := range out.AvailabilityZones {
		name := aws.ToString(a.ZoneName)
		z.known = append(z.known, csi.Topology{keyZone: name, keyKubernetesZone: name, keyZoneID: aws.ToString(a.ZoneId)})
		if a.State == types.AvailabilityZoneStateAvailable && (a.ZoneType == nil || *a.ZoneType == "availability-zone") {
			z.usable = append(z.usable, name)
		}
	}
	slices.Sort(z.usable)
	return z, nil
}

func (b *Backend) allZones(ctx context.Context) (zones, error) {
	z, err := b.zones.Get(ctx)
	return z, ended(ctx, err, "the zones of the region were not read yet")
}

// places returns where a volume can be, best first. Without a requirement that
// is one zone, which depends on the name so that volumes spread and a retry
// says the same.
func (b *Backend) places(ctx context.Context, name string, r csi.TopologyRequirement) ([]place, error) {
	var out []place
	for _, term := range r.Candidates() {
		zone, err := b.zoneOf(ctx, term)
		if err != nil {
			return nil, err
		}
		if zone != "" {
			out = append(out, place{zone: zone, outpost: outpostARN(term)})
		}
	}
	if len(out) == 0 && len(r.Requisite) == 0 {
		z, err := b.allZones(ctx)
		if err != nil {
			return nil, err
		}
		if n := uint32(len(z.usable)); n > 0 {
			out = append(out, place{zone: z.usable[crc32.ChecksumIEEE([]byte(name))%n]})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: none of the topologies %v is a zone of this region", csi.ErrExhausted, r.Candidates())
	}
	return out, nil
}

// zoneOf returns the zone that a term names by each of its keys, or "". A name
// needs no list of zones: EC2 says if there is none of it.
func (b *Backend) zoneOf(ctx context.Context, term csi.Topology) (string, error) {
	name := cmp.Or(term[keyKubernetesZone], term[keyZone])
	if name != "" && term[keyZoneID] == "" && cmp.Or(term[keyZone], name) == name {
		return name, nil
	}
	all, err := b.allZones(ctx)
	if err != nil {
		return "", err
	}
	for _, zone := range all.known {
		if named := only(term, zone); len(named) > 0 && zone.Contains(named) {
			return zone[keyZone], nil
		}
	}
	return "", nil
}

// only returns the part of t with the keys of like.
func only(t, like csi.Topology) csi.Topology {
	t = maps.Clone(t)
	maps.DeleteFunc(t, func(key, _ string) bool { _, ok := like[key]; return !ok })
	return t
}

// volumeTopology says where a volume can be used: with the keys of the term that
// it was made for, since whoever asked by one key must find one, else with all.
func volumeTopology(v *types.Volume, term csi.Topology) csi.Topology {
	full := csi.Topology{keyZone: aws.ToString(v.AvailabilityZone), keyKubernetesZone: aws.ToString(v.AvailabilityZone)}
	if id := aws.ToString(v.AvailabilityZoneId); id != "" && term[keyZoneID] != "" {
		full[keyZoneID] = id
	}
	addOutpost(full, aws.ToString(v.OutpostArn))
	out := only(full, term)
	if out[keyZone]+out[keyKubernetesZone]+out[keyZoneID] == "" {
		return full
	}
	return out
}

// outpostARN makes the ARN of the outpost that a topology names, or "".
func outpostARN(t csi.Topology) string {
	if t[keyOutpost] == "" {
		return ""
	}
	return fmt.Sprintf("arn:%s:outposts:%s:%s:outpost/%s", t[keyPartition], t[keyRegion], t[keyAccount], t[keyOutpost])
}

// addOutpost is the reverse of outpostARN.
func addOutpost(t csi.Topology, arn string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 {
		t[keyPartition], t[keyRegion], t[keyAccount] = parts[1], parts[3], parts[4]
		t[keyOutpost] = strings.TrimPrefix(parts[5], "outpost/")
	}
}

// termFor returns the first topology asked for that a volume serves, or nil.
func termFor(v *types.Volume, r csi.TopologyRequirement) csi.Topology {
	for _, term := range r.Candidates() {
		if term.Contains(volumeTopology(v, term)) {
			return term
		}
	}
	return nil
}
