package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/drain"
	"github.com/csikit/csikit/internal/startuptaint"
)

// startupTaint is the key of the taint that says that the driver is not ready on a
// node, named as by the drivers of AWS.
func (s *settings) startupTaint() string { return s.program.Name + "/agent-not-ready" }

// removesTaint reports whether this process removes the start-up taint: the
// controller, which may get the same flags, does not.
func (s *settings) removesTaint() bool { return s.removeTaint && s.services() != csi.ControllerService }

// beginTaintRemoval removes the taint beside the driver, if that is wanted. It
// ends with ctx, and never fails the group. registered is closed when the kubelet
// has registered the driver; nil if a sidecar does that.
func (s *settings) beginTaintRemoval(ctx context.Context, group *errgroup.Group, registered <-chan struct{}, log *slog.Logger) {
	if !s.removesTaint() {
		return
	}
	group.Go(func() error {
		startuptaint.Remove(ctx, startuptaint.Options{
			API: s.program.apiServer(), Node: s.nodeName, Driver: s.program.Name, Taint: s.startupTaint(), Registered: registered, Logger: log,
		})
		return nil
	})
}

// A failure is an error of a command that is not the operator's mistake.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// awaitDrain is the preStop hook of a node plugin's container. Its flags are those
// of the container's first process, if that is the driver, and its own.
func awaitDrain(ctx context.Context, p Program, line commandLine, stdout, stderr io.Writer) error {
	s := newSettings(p)
	s.command = "pre-stop"
	var timeout time.Duration
	s.group("Hook", func() {
		s.flags.DurationVar(&timeout, "timeout", 90*time.Second, "`time` to wait at most; less than the pod's grace period by what the driver needs to stop")
	})
	if err := s.parse(append(runningArgs(), line.args...), line.environ); err != nil {
		return err
	}
	if s.help {
		s.usage(stdout)
		return nil
	}
	if s.nodeName == "" {
		return errors.New("which node is this? set --node-name to the name of its Node object")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := drain.Wait(ctx, drain.Options{API: p.apiServer(), Node: s.nodeName, Driver: p.Name, Logger: s.logger(stderr)})
	if err != nil {
		return failure{err}
	}
	return nil
}
