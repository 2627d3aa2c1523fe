// Command ebs is the CSI driver of Amazon EBS volumes, in the place of
// aws-ebs-csi-driver. See README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/cli"
	"github.com/csikit/csikit/csi/deploy"
	"github.com/csikit/csikit/internal/ebsstats"
)

func main() { cli.Main(program()) }

// program is the driver before its command line is read.
func program() cli.Program {
	s := settings{sources: "imds,kubernetes"}
	return cli.Program{
		Name:    ebs.DriverName,
		Summary: "Amazon EBS volumes",
		Flags:   s.register,
		Backend: s.backend, Collectors: s.collectors,
		Kubernetes: deploy.Hints{
			Image: "csikit-ebs:dev",
			// The metadata service answers no pod where its hop limit is 1, and the
			// node plugin has no access to the API server to ask instead.
			HostNetwork: true, HealthPort: 9809,
			NodeArgs: []string{"--node-name=$(NODE_NAME)"},
			SecretEnv: []deploy.SecretEnv{
				{Name: "AWS_ACCESS_KEY_ID", Secret: "aws-secret", Key: "key_id"},
				{Name: "AWS_SECRET_ACCESS_KEY", Secret: "aws-secret", Key: "access_key"},
			},
			Samples: deploy.Samples{
				Parameters: map[string]string{"type": "gp3"}, Mutable: map[string]string{"throughput": "200"}, StaticHandle: "vol-0123456789abcdef0",
			},
		},
	}
}

// settings are the flags of this driver.
type settings struct {
	ebs.Options
	emulation
	statistics                        bool
	tags, sources, instanceType, zone string
}

func (s *settings) register(fs *flag.FlagSet) {
	fs.StringVar(&s.ClusterID, "k8s-tag-cluster-id", "", "`id` of the cluster, for tags and listings")
	fs.StringVar(&s.tags, "extra-tags", "", "`tags` of all that is made: key=value,key=value")
	fs.BoolVar(&s.Outposts, "outposts", false, "all nodes are on outposts")
	fs.DurationVar(&s.Consistency, "consistency", 0, "`time` that EC2's reads may lag behind its writes; 0 is 5s")
	fs.DurationVar(&s.AttachTimeout, "attach-timeout", 0, "`time` after which an attachment counts as stuck; 0 is 2m")
	fs.StringVar(&s.sources, "metadata-sources", s.sources, "`sources` that say what node this is, in order: imds, kubernetes, flags")
	fs.StringVar(&s.instanceType, "instance-type", "", "`type` of this instance, for the source flags")
	fs.StringVar(&s.zone, "zone", "", "`zone` of this instance, for the source flags; its id is --node-id")
	fs.Int64Var(&s.VolumeLimit, "volume-attach-limit", 0, "`number` of volumes that this node takes; 0 is what its type allows")
	fs.Int64Var(&s.ReservedVolumes, "reserved-volume-attachments", 0, "`number` of attachments to leave for others; 0 counts what is attached")
	fs.BoolVar(&s.statistics, "nvme-statistics", false, "add the statistics of attached volumes to the metrics of a node, by the names of aws-ebs-csi-driver")
	s.emulation.register(fs)
}

// backend makes the backend of the flags.
func (s *settings) backend(ctx context.Context, c cli.Config) (csi.Locator, error) {
	o := s.Options
	o.Logger = c.Log
	var err error
	if o.ExtraTags, err = parseTags(s.tags); err != nil {
		return nil, err
	}
	switch {
	case c.DescribeOnly: // what it can do depends on neither AWS nor the node
		return newBackend(o)
	case s.dir != "":
		return s.emulation.backend(o, c.Services)
	case s.url != "":
		return s.emulation.client(o, cmp.Or(c.NodeName, c.NodeID))
	}
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	if c.Services != csi.NodeService {
		if loaded.Region == "" {
			if loaded.Region, err = regionOfInstance(ctx, loaded); err != nil {
				return nil, fmt.Errorf("no region: set AWS_REGION, or let the pod reach the instance metadata service: %w", err)
			}
		}
		o.EC2 = ebs.NewClient(loaded)
	}
	if c.Services != csi.ControllerService {
		if o.Metadata, err = s.metadata(loaded, c); err != nil {
			return nil, err
		}
	}
	return newBackend(o)
}

// collectors are the metrics of volumes that are attached to this node.
func (s *settings) collectors(c cli.Config, backend csi.Locator) []prometheus.Collector {
	node, ok := backend.(csi.NodeDescriber)
	if !ok || !s.statistics || c.Services == csi.ControllerService {
		return nil
	}
	return []prometheus.Collector{ebsstats.New(ebsstats.Options{
		Instance: func(ctx context.Context) (string, error) {
			info, err := node.DescribeNode(ctx)
			return info.ID, err
		},
		Ours: ebs.GivesName, Logger: c.Log,
	})}
}

func newBackend(o ebs.Options) (csi.Locator, error) {
	b, err := ebs.New(o)
	if err != nil {
		return nil, err // not b: a nil *Backend is no nil Locator
	}
	return b, nil
}

func regionOfInstance(ctx context.Context, loaded aws.Config) (string, error) {
	out, err := imds.NewFromConfig(loaded).GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil {
		return "", err
	}
	return out.Region, nil
}

// metadata makes the sources that --metadata-sources names.
func (s *settings) metadata(loaded aws.Config, c cli.Config) (sources []ebs.MetadataSource, err error) {
	for name := range strings.SplitSeq(s.sources, ",") {
		switch strings.TrimSpace(name) {
		case "imds":
			sources = append(sources, ebs.IMDS(imds.NewFromConfig(loaded)))
		case "kubernetes":
			if c.NodeName != "" {
				sources = append(sources, ebs.Kubernetes(c.NodeName))
			}
		case "flags":
			sources = append(sources, ebs.Fixed{InstanceID: c.NodeID, Type: s.instanceType, Zone: s.zone, Volumes: -1})
		default:
			return nil, fmt.Errorf("--metadata-sources has %q: there are imds, kubernetes and flags", name)
		}
	}
	if len(sources) == 0 {
		return nil, errors.New("no metadata source can be used: the source kubernetes needs --node-name")
	}
	return sources, nil
}

func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--extra-tags has %q: want key=value", pair)
		}
		tags[key] = value
	}
	return tags, nil
}
