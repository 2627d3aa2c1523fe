package awscall

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/smithy-go/middleware"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/pace"
)

// APIs say how some APIs of a service may be called.
type APIs struct {
	// Names are those of the APIs, with white space between them.
	Names string
	// Again: a call whose outcome is not known may be repeated. Others are
	// repeated by those who can find out what happened.
	Again bool
	// Burst and Rate are the service's documented limits, where the meter
	// starts.
	Burst, Rate float64
}

const (
	attemptTimeout = time.Minute
	// mostUnknown is how often in a row a call may fail without an answer
	// that says why, before its caller is told.
	mostUnknown = 6
)

// A Meter makes calls: at the rate that the service allows, again when it
// throttles for as long as ctx lasts, and with errors translated ([Codes]).
type Meter struct {
	apis  map[string]api
	codes Codes
	log   *slog.Logger
}

type api struct {
	again  bool
	bucket *pace.Bucket
}

// New makes a meter of the APIs that there are. A call of another one is
// [csi.ErrFailed], and not made. log is told of calls that are made again.
func New(log *slog.Logger, codes Codes, apis ...APIs) *Meter {
	m := &Meter{apis: map[string]api{}, codes: codes, log: log}
	for _, row := range apis {
		for name := range strings.FieldsSeq(row.Names) {
			m.apis[name] = api{row.Again, pace.NewBucket(row.Burst, row.Rate)}
		}
	}
	return m
}

// Install adds the meter to a client, among its APIOptions. The SDK's own retries
// have to be off ([aws.NopRetryer]), since their quota gives up early
// (aws-ebs-csi-driver#2154).
func (m *Meter) Install(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("csikit.Meter", m.call), middleware.Before)
}

func (m *Meter) call(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
	name := middleware.GetOperationName(ctx)
	api, known := m.apis[name]
	if !known {
		return out, meta, &failure{means: csi.ErrFailed, message: "this process makes no such calls", err: csi.ErrFailed}
	}
	var last *failure
	for unknown := 0; ; {
		if err := api.bucket.Take(ctx); err != nil {
			return out, meta, gaveUp(ctx, last)
		}
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		out, meta, err = next.HandleInitialize(attempt, in)
		cancel()
		if err == nil {
			return out, meta, nil
		}
		failed := m.codes.translate(err)
		switch {
		case errors.Is(failed.means, ErrThrottled):
			api.bucket.Refused()
		case !errors.Is(failed.means, csi.ErrUnavailable):
			if unknown > 0 && !errors.Is(failed.means, csi.ErrNotFound) && !errors.Is(failed.means, csi.ErrExists) {
				failed.means = csi.ErrUnavailable // an earlier attempt may have been executed
			}
			return out, meta, failed
		default:
			if unknown++; !api.again || unknown == mostUnknown {
				return out, meta, failed
			}
			m.log.Warn("AWS call failed, trying again", "api", name, "error", failed.message)
			if err := pace.Sleep(ctx, backoff(unknown)); err != nil {
				return out, meta, gaveUp(ctx, failed)
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
