package ebs_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

// A controller needs an EC2 client: of the SDK's default chain in production
// (config.LoadDefaultConfig), here of an EC2 in this process.
func Example() {
	region, err := ec2test.New(ec2test.Options{Instances: []ec2test.Instance{{ID: "i-0123456789abcdef0"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer region.Close()
	url, err := region.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := ebs.NewClient(aws.Config{Region: region.Region(), BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	backend, err := ebs.New(ebs.Options{EC2: client, ClusterID: "tests"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = backend.Close() }()

	driver, err := csi.New(ebs.DriverName, backend, &csi.Options{Services: csi.ControllerService})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(driver.Name(), "offers group snapshots:", driver.Offers("GroupSnapshotter"))

	// What driver.Run serves to the sidecars, called by hand:
	ctx := context.Background()
	volume, err := backend.CreateVolume(ctx, csi.VolumeSpec{
		Name: "pvc-1", Size: csi.SizeRange{Required: 11 << 30}, Parameters: map[string]string{"type": "st1"},
		Topology: csi.TopologyRequirement{Requisite: []csi.Topology{{"topology.ebs.csi.aws.com/zone": "us-east-1a"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("an st1 volume of 11 GiB has", volume.Size>>30)
	publish, err := backend.Attach(ctx, csi.Attachment{VolumeRef: csi.VolumeRef{ID: volume.ID}, Node: "i-0123456789abcdef0", Access: csi.Access{Mode: csi.SingleNodeWriter}})
	fmt.Println(publish, err)
	// Output:
	// ebs.csi.aws.com offers group snapshots: true
	// an st1 volume of 11 GiB has 125
	// map[devicePath:/dev/xvdaa] <nil>
}

// On a node the backend needs no account: it finds disks in sysfs. What node it
// is, the first source that can tell says.
func ExampleNew_node() {
	backend, err := ebs.New(ebs.Options{Metadata: []ebs.MetadataSource{
		ebs.Fixed{InstanceID: "i-0123456789abcdef0", Type: "m5.large", Zone: "us-east-1a", Interfaces: 1, Volumes: 1},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = backend.Close() }()
	node, err := backend.DescribeNode(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(node.ID, "in", node.Topology["topology.ebs.csi.aws.com/zone"])
	// Output: i-0123456789abcdef0 in us-east-1a
}
