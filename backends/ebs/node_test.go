package ebs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/csi"
)

func describe(t *testing.T, edit func(*ebs.Options)) (csi.NodeInfo, error) {
	var o ebs.Options
	edit(&o)
	b, err := ebs.New(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	return b.DescribeNode(t.Context())
}

// TestMaxVolumes: what the type takes, less network interfaces where they share,
// less what is not the driver's. There are no EBS disks on machines that test.
func TestMaxVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		node            ebs.Fixed
		limit, reserved int64
		want            int64
	}{
		"only a root":            {ebs.Fixed{Type: "m5.large", Interfaces: 1, Volumes: 1}, 0, 0, 26},
		"nothing known":          {ebs.Fixed{Type: "m5.large", Volumes: -1}, 0, 0, 26},
		"interfaces share":       {ebs.Fixed{Type: "m5.large", Interfaces: 3, Volumes: 1}, 0, 0, 24},
		"interfaces do not":      {ebs.Fixed{Type: "m7i.large", Interfaces: 3, Volumes: 1}, 0, 0, 31},
		"started with volumes":   {ebs.Fixed{Type: "m5.large", Interfaces: 1, Volumes: 4}, 0, 0, 23},
		"unknown type":           {ebs.Fixed{Type: "z99.large", Interfaces: 2, Volumes: 1}, 0, 0, 25},
		"no type":                {ebs.Fixed{Interfaces: 1, Volumes: 1}, 0, 0, 26},
		"reserved by hand":       {ebs.Fixed{Type: "m5.large", Interfaces: 1, Volumes: 4}, 0, 2, 25},
		"limited by hand":        {ebs.Fixed{Type: "m5.large", Interfaces: 3, Volumes: 4}, 7, 2, 7},
		"never none":             {ebs.Fixed{Type: "d3.8xlarge", Interfaces: 9, Volumes: 3}, 0, 0, 1},
		"large, and none shared": {ebs.Fixed{Type: "m7i.48xlarge", Interfaces: 15, Volumes: 1}, 0, 0, 127},
	} {
		t.Run(name, func(t *testing.T) {
			c.node.InstanceID, c.node.Zone = node1, zoneA
			info, err := describe(t, func(o *ebs.Options) {
				o.VolumeLimit, o.ReservedVolumes, o.Metadata = c.limit, c.reserved, []ebs.MetadataSource{c.node}
			})
			require.NoError(t, err)
			require.Equal(t, c.want, info.MaxVolumes)
			require.Equal(t, node1, info.ID)
		})
	}
}

// silent is a source that does not answer.
type silent struct{}

func (silent) Metadata(context.Context) (ebs.Metadata, error) {
	return ebs.Metadata{}, errors.New("no route to 169.254.169.254")
}

func TestMetadata_SourcesInTurn(t *testing.T) {
	good := ebs.Fixed{InstanceID: node2, Zone: zoneA, Type: "m5.large", Volumes: -1}
	for name, sources := range map[string][]ebs.MetadataSource{
		"the first":    {good, ebs.Fixed{InstanceID: node1, Zone: "us-east-1b"}},
		"one is down":  {silent{}, good},
		"no zone":      {ebs.Fixed{InstanceID: node1}, good},
		"no instance":  {ebs.Fixed{InstanceID: "worker-1", Zone: zoneA}, good},
		"after all":    {silent{}, ebs.Fixed{}, good},
		"the only one": {good},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := describe(t, func(o *ebs.Options) { o.Metadata = sources })
			require.NoError(t, err)
			require.Equal(t, node2, info.ID)
			require.Equal(t, csi.Topology{"topology.ebs.csi.aws.com/zone": zoneA, "topology.kubernetes.io/zone": zoneA}, info.Topology)
		})
	}
	_, err := describe(t, func(o *ebs.Options) { o.Metadata = []ebs.MetadataSource{silent{}, ebs.Fixed{Zone: zoneA}} })
	require.ErrorIs(t, err, csi.ErrUnavailable)
	require.ErrorContains(t, err, "no route to")
	require.ErrorContains(t, err, `instance "" in zone "us-east-1a" is not an answer`)
}

// TestOutposts: a node tells the parts of its outpost's name.
func TestOutposts(t *testing.T) {
	at := func(outposts bool, arn string) csi.Topology {
		info, err := describe(t, func(o *ebs.Options) {
			o.Outposts, o.Metadata = outposts, []ebs.MetadataSource{ebs.Fixed{InstanceID: node1, Zone: zoneA, OutpostARN: arn}}
		})
		require.NoError(t, err)
		return info.Topology
	}
	const arn = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0aaa000a0aaaa00a0"
	zone := csi.Topology{"topology.ebs.csi.aws.com/zone": zoneA, "topology.kubernetes.io/zone": zoneA}
	require.Equal(t, zone, at(false, arn), "not asked for")
	require.Equal(t, zone, at(true, ""), "in a region")
	require.Equal(t, zone, at(true, "arn:aws:outposts"), "no name of an outpost")
	require.Equal(t, csi.Topology{
		"topology.ebs.csi.aws.com/zone": zoneA, "topology.kubernetes.io/zone": zoneA,
		"topology.ebs.csi.aws.com/partition": "aws", "topology.ebs.csi.aws.com/region": "us-east-1",
		"topology.ebs.csi.aws.com/account-id": "111122223333", "topology.ebs.csi.aws.com/outpost-id": "op-0aaa000a0aaaa00a0",
	}, at(true, arn))
}
