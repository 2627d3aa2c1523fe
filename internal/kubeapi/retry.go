package kubeapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/csikit/csikit/internal/pace"
)

// Refused reports whether err is an answer of the API server with one of the codes
// of HTTP.
func Refused(err error, codes ...int) bool {
	var status *StatusError
	return errors.As(err, &status) && slices.Contains(codes, status.Code)
}

// A Retry says how often to ask an API server that does not answer, or not yet as
// hoped for.
type Retry struct {
	// Pause comes after a try. It doubles with each failure, up to Most, and is
	// the first again after a try that did not fail.
	Pause, Most time.Duration
	// Warn is told of a failure, but not of the same one again.
	Warn func(error)
}

// Until repeats try until it is done. If ctx ends before, the error is its cause,
// with the last failure.
func (r Retry) Until(ctx context.Context, try func(context.Context) (done bool, err error)) error {
	for told, pause := "", r.Pause; ; {
		done, err := try(ctx)
		switch {
		case done:
			return nil
		case err == nil:
			told, pause = "", r.Pause
		case ctx.Err() == nil && err.Error() != told:
			told = err.Error()
			r.Warn(err)
		}
		if slept := pace.Sleep(ctx, pause); slept != nil {
			if err == nil || errors.Is(err, slept) {
				return slept
			}
			return fmt.Errorf("%w: %w", slept, err)
		}
		if err != nil {
			pause = min(2*pause, r.Most)
		}
	}
}
