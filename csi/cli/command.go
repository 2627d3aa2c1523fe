package cli

import (
	"context"
	"fmt"
	"io"
)

// A command is what the first word of the command line asks for instead of
// serving.
type command struct {
	summary string
	run     func(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) error
}

// commands are looked up by name; see [Program.Run].
func commands() map[string]command {
	return map[string]command{
		"manifests": {"print the Kubernetes manifests of this driver", printManifests},
	}
}

// runCommand returns false if args begin with no command.
func (p Program) runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, ran bool) {
	if len(args) == 0 {
		return 0, false
	}
	c, known := commands()[args[0]]
	if !known {
		return 0, false
	}
	if err := c.run(ctx, p, args[1:], stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "%s %s: %v\n", p.Name, args[0], err)
		return exitConfig, true
	}
	return exitOK, true
}
