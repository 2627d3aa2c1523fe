package ec2test_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"k8s.io/utils/clock"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

func (r *region) create(token string) error {
	_, err := r.client.CreateVolume(r.ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(10), ClientToken: &token})
	return err
}

// TestFaults: which calls go wrong, and whether they were executed all the same.
func TestFaults(t *testing.T) {
	r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{}})
	r.Inject(ec2test.Fault{API: "CreateVolume", Skip: 1, Count: 1, Code: "InsufficientVolumeCapacity", Message: "There is not enough capacity."})
	require.NoError(t, r.create("1"))
	err := r.create("2")
	require.Equal(t, "InsufficientVolumeCapacity", code(t, err))
	var status interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &status)
	require.Equal(t, 500, status.HTTPStatusCode())
	require.NoError(t, r.create("3"))
	require.Len(t, r.Volumes(), 2)

	remove := r.Inject(ec2test.Fault{Match: func(v url.Values) bool { return v.Get("ClientToken") == "4" }, Code: "InternalError", Execute: true})
	require.Equal(t, "InternalError", code(t, r.create("4")))
	require.Len(t, r.Volumes(), 3, "executed all the same")
	require.NoError(t, r.create("5"))
	remove()
	require.NoError(t, r.create("4"))
	require.Len(t, r.Volumes(), 4, "the token of the lie holds")
	require.Equal(t, 6, r.Counts()["CreateVolume"])
	require.Equal(t, 1, r.Refused("InternalError"))
}

// TestLostAnswers: the connection ends without an answer, the call was executed
// or not.
func TestLostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fault ec2test.Fault
		made  int
	}{
		"answer lost":  {ec2test.Fault{API: "CreateVolume", Lose: true}, 1},
		"request lost": {ec2test.Fault{API: "CreateVolume", Refuse: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegion(t, ec2test.Options{Instances: []ec2test.Instance{}})
			r.Inject(c.fault)
			err := r.create("1")
			require.Error(t, err)
			var api smithy.APIError
			require.NotErrorAs(t, err, &api)
			require.Len(t, r.Volumes(), c.made)
			require.Eventually(t, func() bool { return len(r.Calls()) == 1 }, time.Second, time.Millisecond)
			require.True(t, r.Calls()[0].Lost)
		})
	}
}

// TestThrottle: a bucket per API, filled again with time.
func TestThrottle(t *testing.T) {
	r := newRegion(t, ec2test.Options{Buckets: map[string]ec2test.Bucket{"CreateVolume": {Burst: 2, Rate: 0.5}}})
	id := r.volume()
	r.volume()
	err := r.create("3")
	require.Equal(t, "RequestLimitExceeded", code(t, err))
	var status interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &status)
	require.Equal(t, 503, status.HTTPStatusCode())
	for range 5 {
		r.describe(id) // is not limited
	}
	r.clock.Step(2 * time.Second)
	require.NoError(t, r.create("4"))
	require.Equal(t, "RequestLimitExceeded", code(t, r.create("5")))
	r.clock.Step(time.Hour)
	r.volume()
	r.volume()
	require.Equal(t, "RequestLimitExceeded", code(t, r.create("6")), "the bucket does not overflow")
	buckets := ec2test.EC2Buckets()
	require.Equal(t, ec2test.Bucket{Burst: 50, Rate: 5}, buckets["AttachVolume"])
	require.Equal(t, ec2test.Bucket{Burst: 100, Rate: 20}, buckets["DescribeVolumes"])
}

// TestProtocolErrors: what the SDK would not send. A parameter that the server
// does not know is not passed over in silence.
func TestProtocolErrors(t *testing.T) {
	r := newRegion(t, ec2test.Options{RequireSignature: true})
	require.NoError(t, r.create("signed"))
	for body, want := range map[string]string{
		"Action=DescribeVolumes&Colour=red":         "<Code>UnknownParameter</Code><Message>The parameter Colour is not recognized</Message>",
		"Action=DescribeVpcs":                       "<Code>InvalidAction</Code>",
		"Version=2016-11-15":                        "<Code>MissingAction</Code>",
		"Action=DescribeVolumes&MaxResults=x":       "<Code>InvalidParameterValue</Code>",
		"Action=DescribeVolumes&unsigned":           "<Code>MissingAuthenticationToken</Code>",
		"Action=DescribeVolumes&VolumeId.1=%zz":     "<Code>MalformedQueryString</Code>",
		"Action=DescribeVolumes&Version=2016-11-15": "<volumeSet><item>",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL(), strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if !strings.HasSuffix(body, "unsigned") {
			request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Contains(t, string(text), want, body)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestSeed: the same calls are answered with the same ids and in the same time.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (ids []string, due []time.Time) {
		r := newRegion(t, ec2test.Options{Seed: seed, Timings: ec2test.EC2Timings()})
		for range 5 {
			id := r.volume()
			v, _ := r.Volume(id)
			ids, due = append(ids, id), append(due, v.Due)
		}
		return append(ids, r.node), due
	}
	ids, due := run(1)
	sameIDs, sameDue := run(1)
	require.Equal(t, ids, sameIDs)
	require.Equal(t, due, sameDue)
	others, otherDue := run(2)
	require.NotEqual(t, ids, others)
	require.NotEqual(t, due, otherDue)
}

// TestLatency on the real clock; calls wait side by side.
func TestLatency(t *testing.T) {
	s := ec2test.NewServer(t, ec2test.Options{Clock: clock.RealClock{}, Latency: ec2test.Constant(50 * time.Millisecond)})
	client := newClient(t, s.URL())
	start := time.Now()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := client.DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	require.Less(t, time.Since(start), 50*50*time.Millisecond/2, "one after the other")
	for _, c := range s.Calls() {
		require.GreaterOrEqual(t, c.Ended.Sub(c.Began), 50*time.Millisecond)
	}
}

// TestStateSurvives a restart, with changes that are under way, tokens and what
// became due meanwhile. Two servers cannot share a directory.
func TestStateSurvives(t *testing.T) {
	o := ec2test.Options{StateDir: t.TempDir(), Timings: ec2test.Timings{Create: seconds(10), Attach: seconds(10)}}
	r := newRegion(t, o)
	require.NoError(t, r.create("token"))
	creating := r.CallsTo("CreateVolume")[0].IDs[0]
	r.clock.Step(10 * time.Second)
	require.NoError(t, r.attach(creating, "/dev/xvdba"))
	before := r.Volumes()
	_, err := ec2test.New(o)
	require.ErrorContains(t, err, "used by another server")
	r.Close()

	after := newRegion(t, o)
	require.Equal(t, before, after.Volumes())
	require.Equal(t, r.node, after.node)
	require.NoError(t, after.create("token"))
	require.Len(t, after.Volumes(), 2, "the token is known; the other one is the root")
	after.clock.Step(time.Hour)
	v, _ := after.Volume(creating)
	require.Equal(t, "attached", v.Attachments[0].State)
	require.NotContains(t, []string{creating, r.node}, after.volume(), "ids are not used twice")
}
