package kubeapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefused_OnlyByTheServer(t *testing.T) {
	gone := fmt.Errorf("patching: %w", &StatusError{Code: http.StatusNotFound})
	require.True(t, Refused(gone, http.StatusConflict, http.StatusNotFound))
	require.False(t, Refused(gone, http.StatusConflict))
	require.False(t, Refused(gone))
	require.False(t, Refused(context.DeadlineExceeded, http.StatusNotFound))
	require.False(t, Refused(nil, http.StatusNotFound))
}

// TestRetry_WarnsOnceAndWaitsLonger: what fails in one way is told of once, at
// pauses that double; what did not fail begins anew.
func TestRetry_WarnsOnceAndWaitsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := errors.New("a"), errors.New("b")
		answers := []error{a, a, a, a, b, nil, b, nil}
		var warned []error
		var at []time.Duration
		start := time.Now()
		err := Retry{Pause: time.Second, Most: 4 * time.Second, Warn: func(err error) { warned = append(warned, err) }}.
			Until(t.Context(), func(context.Context) (bool, error) {
				at = append(at, time.Since(start)/time.Second)
				return len(at) == len(answers), answers[len(at)-1]
			})
		require.NoError(t, err)
		require.Equal(t, []error{a, b, b}, warned)
		require.Equal(t, []time.Duration{0, 1, 3, 7, 11, 15, 16, 17}, at)
	})
}

func TestRetry_EndsWithCtx(t *testing.T) {
	stopped, down := errors.New("stopped"), errors.New("down")
	for _, last := range []error{nil, down} {
		ctx, cancel := context.WithCancelCause(t.Context())
		tries := 0
		err := Retry{Pause: time.Hour, Most: time.Hour, Warn: func(error) { t.Error("ctx had ended") }}.
			Until(ctx, func(context.Context) (bool, error) {
				tries++
				cancel(stopped)
				return false, last
			})
		require.ErrorIs(t, err, stopped)
		require.Equal(t, last != nil, errors.Is(err, down))
		require.Equal(t, 1, tries)
	}
}
