package proc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// leftover is how long Run waits for the output of processes that a child
// left behind when it ended, such as a FUSE daemon that kept its streams.
const leftover = 500 * time.Millisecond

// Run starts c and returns when it has ended and has been reaped.
//
// The error is nil for exit status 0, an [*ExitError] for another, wraps
// [exec.ErrNotFound] if there is no such program, and wraps the cause of ctx
// if ctx ended first. In the last case the child's whole process group has
// been killed, and what the child had already done is unknown.
func Run(ctx context.Context, c Cmd) (Result, error) {
	if err := context.Cause(ctx); err != nil {
		return Result{ExitCode: -1}, fmt.Errorf("%s: not started: %w", c.Name, err)
	}
	var stdout, stderr output
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Env, cmd.Stdin, cmd.ExtraFiles = c.environ(), c.Stdin, c.Files
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = leftover
	ownGroup(cmd)
	err := cmd.Run()
	r := Result{Stdout: stdout.kept, Stderr: stderr.kept, ExitCode: -1,
		Truncated: stdout.truncated || stderr.truncated}
	if cmd.ProcessState == nil {
		return r, fmt.Errorf("%s: cannot be started: %w", c.Name, err)
	}
	r.ExitCode = cmd.ProcessState.ExitCode()
	return r, c.outcome(ctx, cmd, r, err)
}

// outcome tells a command that failed from one that was stopped.
func (c Cmd) outcome(ctx context.Context, cmd *exec.Cmd, r Result, err error) error {
	if cmd.ProcessState.Success() {
		if err == nil || errors.Is(err, exec.ErrWaitDelay) || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("%s: %w", c, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: killed: %w", c, context.Cause(ctx))
	}
	return &ExitError{Command: c.String(), Code: r.ExitCode, Signal: signalName(cmd.ProcessState), Stderr: message(r.Stderr)}
}
