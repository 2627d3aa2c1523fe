package ec2test_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// BenchmarkCalls is what the server and the SDK cost together, with 1,000
// volumes: a driver's figures must not be the emulator's.
func BenchmarkCalls(b *testing.B) {
	s := ec2test.NewServer(b, ec2test.Options{Instances: []ec2test.Instance{}})
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	b.Cleanup(transport.CloseIdleConnections)
	client := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""), HTTPClient: &http.Client{Transport: transport}})
	create := func() error {
		_, err := client.CreateVolume(b.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1)})
		return err
	}
	var ids []string
	for range 1000 {
		if err := create(); err != nil {
			b.Fatal(err)
		}
	}
	for _, v := range s.Volumes() {
		ids = append(ids, v.ID)
	}
	for _, n := range []int{1, 200} {
		b.Run(fmt.Sprintf("DescribeVolumes/%d", n), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := client.DescribeVolumes(b.Context(), &ec2.DescribeVolumesInput{VolumeIds: ids[:n]}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("CreateVolume", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := create(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
