package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/cli"
)

// backend is a driver's own type; see examples/minimal for a complete one.
type backend struct{ pool string }

func (backend) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrNotFound
}

// A driver's main function is a call of Main with a Program like this one. A
// mistake in the configuration ends it with code 2 and says what to change.
func ExampleProgram() {
	var pool string
	program := cli.Program{
		Name:    "pool.csi.example.com",
		Version: "v1.2.3",
		Summary: "volumes in a pool",
		Flags:   func(fs *flag.FlagSet) { fs.StringVar(&pool, "pool", "", "`directory` of the pool") },
		Backend: func(context.Context, cli.Config) (csi.Locator, error) {
			if pool == "" {
				return nil, errors.New("no pool: set --pool or X_CSI_POOL to a directory")
			}
			return backend{pool}, nil
		},
	}
	// func main() { cli.Main(program) }

	args := []string{"--endpoint=unix:///tmp/csi.sock"}
	code := program.Run(context.Background(), args, nil, os.Stdout, os.Stdout)
	fmt.Println("exit code", code)
	// Output:
	// pool.csi.example.com: no pool: set --pool or X_CSI_POOL to a directory
	// Nothing was started. All flags and their environment variables: --help
	// exit code 2
}
