package fs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/csikit/csikit/internal/proc"
)

// toolDevice is the path by which a tool reaches the device that it inherits.
var toolDevice = proc.ChildPath(0)

// noCache keeps libblkid in the tools from trusting what its cache file says of
// devices for two seconds without a look: mkfs.btrfs refuses a UUID that a
// deleted volume had a moment ago (test_uuid_unique in btrfs-progs).
const noCache = "BLKID_FILE=/dev/null"

// run runs a tool that inherits the device as [toolDevice]. An exit status
// other than 0 is no error here: the tools mean different things by it. The
// error is for a tool that is missing, was stopped or died of a signal.
func (d *Device) run(ctx context.Context, tool string, args ...string) (proc.Result, error) {
	r, err := proc.Run(ctx, proc.Cmd{Name: tool, Args: args, Env: []string{noCache}, Files: []*os.File{d.file}})
	var exit *proc.ExitError
	if errors.As(err, &exit) && exit.Signal == "" && r.ExitCode >= 0 {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%s on %s: %w", tool, d, err)
	}
	return r, nil
}
