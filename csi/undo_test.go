package csi

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// TestRule40_UndoneBeforeAFinalError: what the CO reads as "nothing exists"
// must be true, and what it retries must still be there.
func TestRule40_UndoneBeforeAFinalError(t *testing.T) {
	for _, test := range []struct {
		err    error
		undone bool
	}{
		{nil, false},
		{errors.New("unclassified: the outcome is unknown"), false},
		{ErrUnavailable, false},
		{ErrPending, false},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{mountError(mount.ErrBusy), false},
		{mountError(fs.ErrTooSmall), false},
		{ErrFailed, true},
		{ErrInUse, true},
		{ErrInvalid, true},
		{ErrExists, true},
		{ErrNotFound, true},
		{ErrExhausted, true}, // ruling 14: pending for the kubelet, final for others
		{mountError(mount.ErrOption), true},
		{mountError(fs.ErrNotEmpty), true},
	} {
		t.Run(fmt.Sprint(test.err), func(t *testing.T) {
			var order []string
			u := new(undo)
			for _, name := range []string{"state", "mount"} {
				u.add(name, func(context.Context) error {
					order = append(order, name)
					return nil
				})
			}
			err := u.after(t.Context(), test.err)
			require.Equal(t, status.Code(statusOf(test.err, true)), status.Code(statusOf(err, true)))
			if test.undone {
				require.Equal(t, []string{"mount", "state"}, order, "the last thing first")
			} else {
				require.Empty(t, order)
			}
		})
	}
}

func mountError(err error) error { return hostError(err, "mount it") }

// TestRule40_AFailedUndoIsNotFinal: something exists, so the code must not say
// that nothing does.
func TestRule40_AFailedUndoIsNotFinal(t *testing.T) {
	u := new(undo)
	u.add("release volume v", func(context.Context) error { t.Error("must not go on"); return nil })
	u.add("unmount /a", func(context.Context) error { return errors.New("stuck") })
	err := u.after(t.Context(), ErrInvalid)
	require.Equal(t, codes.Unavailable, status.Code(statusOf(err, true)))
	require.ErrorContains(t, err, "unmount /a: stuck")
	require.ErrorContains(t, err, ErrInvalid.Error())
}

// TestRule40_UndoOutlivesTheOperation: the context of an operation that was
// cut short does not cut short its undoing.
func TestRule40_UndoOutlivesTheOperation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := new(undo)
	u.add("unmount /a", func(ctx context.Context) error { return ctx.Err() })
	require.ErrorIs(t, u.after(ctx, ErrFailed), ErrFailed)
}
