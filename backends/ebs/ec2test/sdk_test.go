package ec2test_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

// A region is a server, an SDK client of it and a clock that the test steps.
type region struct {
	*ec2test.Server
	*testing.T
	client *ec2.Client
	clock  *clocktesting.FakeClock
	node   string // the first instance
	ctx    context.Context
}

// newRegion starts a server whose time stands still.
func newRegion(t *testing.T, o ec2test.Options) *region {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	o.Clock = clock
	s := ec2test.NewServer(t, o)
	r := &region{Server: s, T: t, clock: clock, client: newClient(t, s.URL()), ctx: t.Context()}
	if len(s.Instances()) > 0 {
		r.node = s.Instances()[0].ID
	}
	return r
}

// newClient is the real SDK, which does not retry.
func newClient(t *testing.T, url string) *ec2.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return ec2.New(ec2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}

// code is EC2's code of an error, "" for none.
func code(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	require.True(t, errors.As(err, &api), "not an EC2 error: %v", err)
	return api.ErrorCode()
}

// volume creates a volume and returns its id.
func (r *region) volume(change ...func(*ec2.CreateVolumeInput)) string {
	r.Helper()
	in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(10), VolumeType: types.VolumeTypeGp3}
	for _, f := range change {
		f(in)
	}
	out, err := r.client.CreateVolume(r.ctx, in)
	require.NoError(r, err)
	return *out.VolumeId
}

func (r *region) describe(id string) types.Volume {
	r.Helper()
	out, err := r.client.DescribeVolumes(r.ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	require.NoError(r, err)
	require.Len(r, out.Volumes, 1)
	return out.Volumes[0]
}

func (r *region) attach(volume, device string) error {
	_, err := r.client.AttachVolume(r.ctx, &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &r.node, Device: &device})
	return err
}

func (r *region) detach(volume string) error {
	_, err := r.client.DetachVolume(r.ctx, &ec2.DetachVolumeInput{VolumeId: &volume, InstanceId: &r.node})
	return err
}
