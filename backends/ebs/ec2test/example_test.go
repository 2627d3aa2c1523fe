package ec2test_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// A volume takes two seconds to become available, on a clock that only the
// example moves; and EC2 has no capacity for the second one. A test begins with
// [ec2test.NewServer] instead, which ends the server too.
func Example() {
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	server, err := ec2test.New(ec2test.Options{Clock: clock, Timings: ec2test.Timings{Create: ec2test.Span{Min: 2 * time.Second}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	url, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := ec2.New(ec2.Options{Region: server.Region(), BaseEndpoint: &url, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")})
	server.Inject(ec2test.Fault{API: "CreateVolume", Skip: 1, Count: 1, Code: "InsufficientVolumeCapacity"})

	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(8), VolumeType: "gp3"}
	made, err := client.CreateVolume(context.Background(), in)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("answered:", made.State)
	clock.Step(2 * time.Second)
	v, _ := server.Volume(*made.VolumeId)
	fmt.Println("two seconds later:", v.State)

	in.ClientToken = nil
	_, err = client.CreateVolume(context.Background(), in)
	var refused smithy.APIError
	fmt.Println("the second one:", errors.As(err, &refused) && refused.ErrorCode() == "InsufficientVolumeCapacity")
	fmt.Println("calls:", server.Counts())
	// Output:
	// answered: creating
	// two seconds later: available
	// the second one: true
	// calls: map[CreateVolume:2]
}
