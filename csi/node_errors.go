package csi

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/mount"
)

// A refusal is an error of a kind (one of the Err values) that its text does
// not repeat: "in use: the device is empty" would mislead.
type refusal struct{ kind, err error }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, err: fmt.Errorf(format, args...)}
}

// Error implements error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap makes the kind come first, so that it decides the code.
func (r *refusal) Unwrap() []error { return []error{r.kind, r.err} }

// kinds gives the errors of packages mount and fs their place in the contract.
// What is not listed has an unknown outcome.
var kinds = []struct{ err, kind error }{
	{mount.ErrBusy, ErrPending},
	{mount.ErrOption, ErrInvalid},
	{mount.ErrWrongDevice, ErrInUse},
	{mount.ErrSameUUID, ErrInUse},
	{mount.ErrMounted, ErrPending}, // since it was looked at: by another process, whose mount is not this call's to undo
	{fs.ErrBusy, ErrPending},
	{fs.ErrOption, ErrInvalid},
	{fs.ErrNotEmpty, ErrInUse},
	{fs.ErrDamaged, ErrInUse},
	{fs.ErrTooSmall, ErrUnavailable},
	{fs.ErrPassphrase, ErrUnauthenticated},
}

// hostError says what was attempted and gives err its kind.
func hostError(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return &refusal{kind: k.kind, err: wrapped}
		}
	}
	return wrapped
}

// final reports whether the CO takes err as "finished, nothing exists", which
// then must be so (peers' rule 40, contract ruling 14).
func final(err error) bool {
	switch status.Code(statusOf(err, true)) {
	case codes.OK, codes.Aborted, codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		return false
	}
	return true
}
