package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/csikit/csikit/csi"
)

// A command is what the first word of the command line asks for instead of
// serving.
type command struct {
	summary string
	run     func(ctx context.Context, p Program, line commandLine, stdout, stderr io.Writer) error
}

// A commandLine is what a command is given: its flags, and the environment.
type commandLine struct{ args, environ []string }

// commands are looked up by name; see [Program.Run].
func commands() map[string]command {
	return map[string]command{
		"manifests": {"print the Kubernetes manifests of this driver", printManifests},
		"pre-stop":  {"wait until no volume is attached to this node, if it is being drained", awaitDrain},
		"doctor":    {"say what would go wrong on this node, and how to mend it", examine},
	}
}

// runCommand returns false if args begin with no command.
func (p Program) runCommand(ctx context.Context, args, environ []string, stdout, stderr io.Writer) (code int, ran bool) {
	if len(args) == 0 {
		return 0, false
	}
	c, known := commands()[args[0]]
	if !known {
		return 0, false
	}
	err := c.run(ctx, p, commandLine{args[1:], environ}, stdout, stderr)
	if err == nil {
		return exitOK, true
	}
	fmt.Fprintf(stderr, "%s %s: %v\n", p.Name, args[0], err)
	if errors.Is(err, errFound) || errors.As(err, new(failure)) {
		return exitFailed, true
	}
	return exitConfig, true
}

// driver makes a driver that is asked and does not serve. closer must be called.
func (s *settings) driver(ctx context.Context, c Config) (d *csi.Driver, closer func(), err error) {
	backend, err := s.program.Backend(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	closer = func() {
		if b, ok := backend.(io.Closer); ok {
			closeLogged(c.Log, b)
		}
	}
	opts := s.options(s.program.version(), c.Log)
	if s.program.Options != nil {
		s.program.Options(opts)
	}
	if d, err = csi.New(s.program.Name, backend, opts); err != nil {
		closer()
	}
	return d, closer, err
}
