package ebs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/pace"
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

// apiTraits say how a call may be made.
type apiTraits struct {
	// again: a call whose outcome is not known may be repeated. Others are
	// repeated by those who can find out what happened.
	again bool
	// burst and rate are EC2's default limits ("Request throttling for the
	// Amazon EC2 API"), where the client starts.
	burst, rate float64
}

var (
	traitsRead   = apiTraits{again: true, burst: 100, rate: 20}
	traitsChange = apiTraits{again: true, burst: 100, rate: 5}
	traitsOnce   = apiTraits{burst: 100, rate: 5}
)

// apis are all calls that this package makes. policy.json allows these and no
// others.
var apis = map[string]apiTraits{
	"CreateVolume":                 traitsChange, // by its client token
	"CopyVolumes":                  traitsChange,
	"DeleteVolume":                 traitsChange,
	"AttachVolume":                 traitsOnce,
	"DetachVolume":                 traitsChange,
	"ModifyVolume":                 traitsOnce,
	"CreateSnapshot":               traitsOnce,
	"CreateSnapshots":              traitsOnce,
	"DeleteSnapshot":               traitsChange,
	"CreateTags":                   {again: true, burst: 100, rate: 10},
	"DeleteTags":                   {again: true, burst: 100, rate: 10},
	"EnableFastSnapshotRestores":   traitsChange,
	"LockSnapshot":                 traitsOnce,
	"DescribeVolumes":              traitsRead,
	"DescribeVolumesModifications": traitsRead,
	"DescribeVolumeStatus":         traitsRead,
	"DescribeSnapshots":            traitsRead,
	"DescribeLockedSnapshots":      traitsRead,
	"DescribeInstances":            traitsRead,
	"DescribeAvailabilityZones":    traitsRead,
}

const (
	attemptTimeout = time.Minute
	// mostUnknown is how often in a row a call may fail without an answer
	// that says why, before its caller is told.
	mostUnknown = 6
)

// A client makes calls: at the rate that EC2 allows, again when EC2 throttles
// for as long as ctx lasts, and with errors translated. The SDK's own retries
// are off, since their quota gives up early (aws-ebs-csi-driver#2154).
type client struct {
	ec2     *ec2.Client
	buckets map[string]*pace.Bucket
	log     *slog.Logger
}

func newClient(c *ec2.Client, log *slog.Logger) *client {
	buckets := map[string]*pace.Bucket{}
	for name, t := range apis {
		buckets[name] = pace.NewBucket(t.burst, t.rate)
	}
	return &client{ec2: c, buckets: buckets, log: log}
}

func noRetries(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// A method is a method of [ec2.Client] as a function.
type method[In, Out any] func(*ec2.Client, context.Context, *In, ...func(*ec2.Options)) (*Out, error)

// invoke makes a call. Its answer is never nil: with an error it is empty.
func invoke[In, Out any](ctx context.Context, c *client, api string, call method[In, Out], in *In) (*Out, error) {
	traits, known := apis[api]
	if c.ec2 == nil || !known {
		return new(Out), &apiError{api: api, means: csi.ErrFailed, message: "this process makes no such calls", err: csi.ErrFailed}
	}
	var last *apiError
	for unknown := 0; ; {
		if err := c.buckets[api].Take(ctx); err != nil {
			return new(Out), gaveUp(ctx, api, last)
		}
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		out, err := call(c.ec2, attempt, in, noRetries)
		cancel()
		if err == nil {
			return out, nil
		}
		failed := meaning(api, err)
		switch {
		case errors.Is(failed.means, errThrottled):
			c.buckets[api].Refused()
		case !errors.Is(failed.means, csi.ErrUnavailable):
			if unknown > 0 && !errors.Is(failed.means, csi.ErrNotFound) && !errors.Is(failed.means, csi.ErrExists) {
				failed.means = csi.ErrUnavailable // an earlier attempt may have been executed
			}
			return new(Out), failed
		default:
			if unknown++; !traits.again || unknown == mostUnknown {
				return new(Out), failed
			}
			c.log.Warn("EC2 call failed, trying again", "api", api, "error", failed.message)
			if err := pace.Sleep(ctx, backoff(unknown)); err != nil {
				return new(Out), gaveUp(ctx, api, failed)
			}
		}
		last = failed
	}
}

// backoff is a random time up to 0.2, 0.4, 0.8 ... 5 seconds.
func backoff(failures int) time.Duration {
	most := min(5*time.Second, 100*time.Millisecond<<failures)
	return most/2 + rand.N(most/2)
}

// gaveUp is the error of a call whose context ended, with what EC2 said last.
func gaveUp(ctx context.Context, api string, last *apiError) error {
	e := &apiError{api: api, means: csi.ErrUnavailable, message: "the call was not made", err: context.Cause(ctx)}
	if last != nil {
		e.message, e.code, e.request = last.message, last.code, last.request
		e.err = errors.Join(e.err, last.err)
	}
	return e
}
