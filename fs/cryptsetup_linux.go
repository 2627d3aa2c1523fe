package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/csikit/csikit/internal/crashpoint"
	"github.com/csikit/csikit/internal/proc"
)

// The exit statuses of cryptsetup(8).
const (
	cryptsetupNoPermission = 2 // no key slot opens with the passphrase
	cryptsetupNoMemory     = 3
	cryptsetupBusy         = 5 // the device or the name is in use
)

// cryptsetup runs cryptsetup with the passphrase on its standard input: it is
// in no argument, no environment and no file.
//
// There may be no udev to wait for, so the child makes the nodes of its
// mappings by itself (DM_DISABLE_UDEV). The locks below /run are left out: a
// container's root can be read-only, and [Device.Lock] is held.
func cryptsetup(ctx context.Context, p Passphrase, files []*os.File, args ...string) error {
	crashpoint.Step("fs: cryptsetup " + args[0])
	r, err := proc.Run(ctx, proc.Cmd{
		Name: "cryptsetup", Args: append(args, "--batch-mode", "--disable-locks"),
		Env: []string{"DM_DISABLE_UDEV=1"}, Stdin: strings.NewReader(string(p)), Files: files,
	})
	var exit *proc.ExitError
	if !errors.As(err, &exit) || exit.Signal != "" {
		return err
	}
	said := clip(append(r.Stderr, r.Stdout...))
	switch r.ExitCode {
	case cryptsetupNoPermission:
		return fmt.Errorf("%w (cryptsetup %s: %s)", ErrPassphrase, args[0], said)
	case cryptsetupBusy:
		return fmt.Errorf("%w: cryptsetup %s: %s", ErrBusy, args[0], said)
	case cryptsetupNoMemory:
		return fmt.Errorf("cryptsetup %s: there is not enough memory for the key derivation that the header asks for; raise the memory limit of the node plugin: %s", args[0], said)
	}
	return fmt.Errorf("cryptsetup %s: exit status %d: %s", args[0], r.ExitCode, said)
}
