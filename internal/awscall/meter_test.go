package awscall

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

// A script is a service that answers one call after the other: with a code, with
// nothing ("lost"), or well ("").
type script struct {
	answers []string
	calls   int
}

// Handle implements [middleware.Handler].
func (s *script) Handle(ctx context.Context, _ any) (any, middleware.Metadata, error) {
	answer := s.answers[min(s.calls, len(s.answers)-1)]
	s.calls++
	switch answer {
	case "":
		return nil, middleware.Metadata{}, ctx.Err()
	case "lost":
		return nil, middleware.Metadata{}, errors.New("connection reset")
	}
	return nil, middleware.Metadata{}, &smithy.GenericAPIError{Code: answer, Message: "because"}
}

var testCodes = NewCodes(map[error]string{csi.ErrNotFound: "Missing", csi.ErrInUse: "Busy AlsoBusy", ErrThrottled: "Slow"})

// call makes one call of an API, as a client of the SDK does.
func call(t *testing.T, ctx context.Context, api string, s *script) error {
	meter := New(slog.New(slog.NewTextHandler(t.Output(), nil)), testCodes,
		APIs{Names: "Read List", Again: true, Burst: 10, Rate: 10}, APIs{Names: "Change", Burst: 10, Rate: 10})
	stack := middleware.NewStack(api, func() any { return nil })
	require.NoError(t, meter.Install(stack))
	_, _, err := middleware.DecorateHandler(s, stack).Handle(middleware.WithOperationName(ctx, api), nil)
	return err
}

func TestCalls_WhatIsMadeAgainAndWhatItMeans(t *testing.T) {
	for _, c := range []struct {
		api     string
		answers []string
		calls   int
		err     error
		says    string
	}{
		{"Read", []string{""}, 1, nil, ""},
		{"Read", []string{"lost", "NewIn2030", ""}, 3, nil, ""},
		{"Read", []string{"lost"}, mostUnknown, csi.ErrUnavailable, "connection reset"},
		{"Read", []string{"Busy"}, 1, csi.ErrInUse, "Busy: because"},
		{"Change", []string{"lost"}, 1, csi.ErrUnavailable, "connection reset"},
		{"Change", []string{"NewIn2030"}, 1, csi.ErrUnavailable, "NewIn2030: because"},
		{"Change", []string{"Slow", "Slow", "Slow", "Slow", "Slow", "Slow", "Slow", ""}, 8, nil, ""},
		// What came before may have been executed, so that nothing is final ...
		{"Read", []string{"lost", "Busy"}, 2, csi.ErrUnavailable, "Busy: because"},
		// ... but what is gone is gone, and throttling executes nothing.
		{"Read", []string{"lost", "Missing"}, 2, csi.ErrNotFound, "Missing: because"},
		{"Change", []string{"Slow", "Busy"}, 2, csi.ErrInUse, "Busy: because"},
		{"Other", []string{""}, 0, csi.ErrFailed, "no such calls"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: c.answers}
			err := call(t, t.Context(), c.api, s)
			require.Equal(t, c.calls, s.calls, "%v", c)
			require.ErrorIs(t, err, c.err, "%v", c)
			if c.err != nil {
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}

// TestCalls_ThrottledUntilTheContextEnds: there is no quota of retries, and what
// the service said is not lost.
func TestCalls_ThrottledUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		s := &script{answers: []string{"Slow"}}
		err := call(t, ctx, "Change", s)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, csi.ErrUnavailable)
		require.ErrorContains(t, err, "Slow: because")
		require.True(t, Has(err, "Slow"))
		require.Greater(t, s.calls, 100)
	})
}

func TestCodes(t *testing.T) {
	c := testCodes
	require.Equal(t, csi.ErrInUse, c.Meaning("AlsoBusy"))
	require.Equal(t, csi.ErrUnavailable, c.Meaning("NewIn2030"))
	require.ErrorIs(t, ErrThrottled, csi.ErrUnavailable, "if it is ever seen, it is not final")
	require.False(t, Has(errors.New("Busy"), "Busy"), "the text of an error is not its code")
}
