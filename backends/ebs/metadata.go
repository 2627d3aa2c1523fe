package ebs

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/ec2node"
	"github.com/csikit/csikit/internal/kubeapi"
	"github.com/csikit/csikit/internal/nvme"
)

// Metadata says what node this is.
type Metadata struct {
	// InstanceID is i-..., Type such as m5.large; Zone is required too.
	InstanceID, Type, Zone string
	// OutpostARN is empty in a region.
	OutpostARN string
	// Interfaces is the number of network interfaces, which share the
	// attachments of some types with volumes; 0 is not known.
	Interfaces int
	// Volumes is how many EBS volumes the instance was started with, its
	// root among them; -1 is not known.
	Volumes int
}

// A MetadataSource tells what node this is. It is asked often.
type MetadataSource interface {
	Metadata(ctx context.Context) (Metadata, error)
}

// Fixed is a MetadataSource that says what it is.
type Fixed Metadata

// Metadata implements [MetadataSource].
func (f Fixed) Metadata(context.Context) (Metadata, error) { return Metadata(f), nil }

// IMDS asks the instance's metadata service (version 2). The endpoint is the
// client's: AWS_EC2_METADATA_SERVICE_ENDPOINT if it was made of a configuration.
func IMDS(client *imds.Client) MetadataSource { return imdsSource{client} }

type imdsSource struct{ client *imds.Client }

// Metadata implements [MetadataSource].
func (s imdsSource) Metadata(ctx context.Context) (Metadata, error) {
	i, err := ec2node.FromIMDS(ctx, s.client)
	return Metadata(i), err
}

// Kubernetes reads the Node object of that name with the pod's service account:
// its providerID and its well-known labels.
func Kubernetes(node string) MetadataSource { return kubernetesSource(node) }

type kubernetesSource string

// Metadata implements [MetadataSource].
func (s kubernetesSource) Metadata(ctx context.Context) (Metadata, error) {
	i, err := ec2node.FromKubernetes(ctx, kubeapi.InPod(), string(s))
	return Metadata(i), err
}

// metadata asks the sources in turn. One that fails or knows too little is
// passed over, and named if all do.
func (b *Backend) metadata(ctx context.Context) (Metadata, error) {
	var errs []error
	for _, source := range b.o.Metadata {
		m, err := source.Metadata(ctx)
		if err == nil && (!instanceID.MatchString(m.InstanceID) || m.Zone == "") {
			err = fmt.Errorf("instance %q in zone %q is not an answer", m.InstanceID, m.Zone)
		}
		if err == nil {
			return m, nil
		}
		errs = append(errs, fmt.Errorf("%T: %w", source, err))
	}
	return Metadata{}, fmt.Errorf("%w: no source says what node this is: %w", csi.ErrUnavailable, errors.Join(errs...))
}

// DescribeNode implements [csi.NodeDescriber].
func (b *Backend) DescribeNode(ctx context.Context) (csi.NodeInfo, error) {
	m, err := b.metadata(ctx)
	if err != nil {
		return csi.NodeInfo{}, err
	}
	t := csi.Topology{keyZone: m.Zone, keyKubernetesZone: m.Zone}
	if b.o.Outposts {
		addOutpost(t, m.OutpostARN)
	}
	return csi.NodeInfo{ID: m.InstanceID, MaxVolumes: b.volumeLimit(m), Topology: t}, nil
}

// volumeLimit is how many volumes the node takes for the driver.
func (b *Backend) volumeLimit(m Metadata) int64 {
	if b.o.VolumeLimit > 0 {
		return b.o.VolumeLimit
	}
	return max(1, ec2node.Attachments(m.Type, m.Interfaces)-b.foreign(m))
}

// foreign is how many attachments are not for the driver: what the operator
// says, else what is attached and has a name that the driver does not give,
// else what the instance was started with, else its root.
func (b *Backend) foreign(m Metadata) int64 {
	if b.o.ReservedVolumes > 0 {
		return b.o.ReservedVolumes
	}
	if n, ok := (finder{nvme.Machine}).foreign(); ok {
		return n
	}
	return int64(max(m.Volumes, 1))
}
