package csi

import (
	"context"
	"time"
)

// undoTimeout bounds the taking back of one call.
const undoTimeout = time.Minute

// An undo takes back what one call has made, the last thing first, if the call
// ends with an error that the CO takes as final. After any other error the CO
// retries, and the retry goes on from what is there.
type undo struct{ steps []undoStep }

type undoStep struct {
	what string // as in "unmount /a/b"
	run  func(context.Context) error
}

// add is called before the thing is made, so that a half-made one is undone
// too: run must take what does not exist as done.
func (u *undo) add(what string, run func(context.Context) error) {
	u.steps = append(u.steps, undoStep{what, run})
}

// after returns err, having taken everything back if err is final. If that
// fails, something exists, and the error is turned into one that says so.
func (u *undo) after(ctx context.Context, err error) error {
	if err == nil || !final(err) || len(u.steps) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	for i := len(u.steps) - 1; i >= 0; i-- {
		step := u.steps[i]
		if undoErr := step.run(ctx); undoErr != nil {
			// %v: the kinds of both errors are gone on purpose.
			return refuse(ErrUnavailable, "%v; then could not undo this: %s: %v", err, step.what, undoErr)
		}
	}
	u.steps = nil
	return err
}
