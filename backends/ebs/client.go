package ebs

import (
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/internal/awscall"
)

// NewClient makes an EC2 client of a configuration, as the SDK's default chain
// makes it. The endpoint is AWS_ENDPOINT_URL_EC2, which the SDK honours, or
// AWS_EC2_ENDPOINT, the older name that aws-ebs-csi-driver knows. It dials
// nothing.
func NewClient(config aws.Config, options ...func(*ec2.Options)) *ec2.Client {
	endpoint := func(o *ec2.Options) {
		if url := os.Getenv("AWS_EC2_ENDPOINT"); url != "" && os.Getenv("AWS_ENDPOINT_URL_EC2") == "" {
			o.BaseEndpoint = aws.String(url)
		}
	}
	return ec2.NewFromConfig(config, append([]func(*ec2.Options){endpoint}, options...)...)
}

// apis are all calls that this package makes. policy.json allows these and no
// others. The rates are EC2's default limits ("Request throttling for the Amazon
// EC2 API"). Creations of volumes may be repeated by their client tokens.
var apis = []awscall.APIs{
	{Burst: 100, Rate: 20, Again: true, Names: `DescribeVolumes DescribeVolumesModifications DescribeVolumeStatus DescribeSnapshots
		DescribeLockedSnapshots DescribeInstances DescribeAvailabilityZones`},
	{Burst: 100, Rate: 10, Again: true, Names: `CreateTags DeleteTags`},
	{Burst: 100, Rate: 5, Again: true, Names: `CreateVolume CopyVolumes DeleteVolume DetachVolume DeleteSnapshot EnableFastSnapshotRestores`},
	{Burst: 100, Rate: 5, Names: `AttachVolume ModifyVolume CreateSnapshot CreateSnapshots LockSnapshot`},
}

// metered is the operator's client with all its calls metered. Where there is
// none, no call can be made.
func (o *Options) metered() *ec2.Client {
	client, meter := o.EC2, awscall.New(o.Logger, ec2Codes, apis...)
	if client == nil {
		client, meter = ec2.New(ec2.Options{}), awscall.New(o.Logger, nil)
	}
	return ec2.New(client.Options(), func(c *ec2.Options) {
		c.Retryer, c.APIOptions = aws.NopRetryer{}, append(c.APIOptions, meter.Install)
	})
}
