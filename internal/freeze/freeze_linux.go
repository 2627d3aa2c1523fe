package freeze

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// FIFREEZE and FITHAW of linux/fs.h, which x/sys lacks: _IOWR('X', 119, int)
// and _IOWR('X', 120, int).
const (
	fiFreeze = 0xC0045877
	fiThaw   = 0xC0045878
)

// While calls f while the file system of the open directory root is frozen: all
// that was written to it before is on its device, and nobody writes to it. f
// must not write to it either. The errors are those of f, [ErrCannot], and
// [ErrThawed] if somebody else has thawed it before f had returned.
func While(root *os.File, f func() error) (err error) {
	dismiss, err := guard(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dismiss()) }()
	crashpoint.Step("freeze")
	if err := unix.IoctlSetInt(int(root.Fd()), fiFreeze, 0); err != nil {
		return fmt.Errorf("%w at %s: %w (EBUSY: another program has frozen it; EOPNOTSUPP: its type cannot be frozen)", ErrCannot, root.Name(), err)
	}
	defer func() { err = errors.Join(err, Thaw(root)) }()
	return f()
}

// Thaw lets the writers of the file system of root go on. [ErrThawed] is
// returned if they could before.
func Thaw(root *os.File) error {
	crashpoint.Step("thaw")
	err := unix.IoctlSetInt(int(root.Fd()), fiThaw, 0)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w: %s", ErrThawed, root.Name())
	}
	if err != nil {
		return fmt.Errorf("%s STAYS FROZEN, run fsfreeze --unfreeze on it: %w", root.Name(), err)
	}
	return nil
}

// guard starts a child that thaws if this process dies before dismiss is
// called: its standard input then ends without a line. It has a session of its
// own, so that a signal to the process group spares it, and must outlive this
// process, which is why it is not run by internal/proc.
func guard(root *os.File) (dismiss func() error, err error) {
	if _, err := exec.LookPath("fsfreeze"); err != nil {
		return nil, fmt.Errorf("%w at %s without a guard that thaws it: %w (install util-linux)", ErrCannot, root.Name(), err)
	}
	cmd := exec.Command("sh", "-c", "read -r _ || exec fsfreeze --unfreeze /proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{root}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	crashpoint.Step("start the guard of a freeze")
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w at %s without a guard that thaws it: %w", ErrCannot, root.Name(), err), pipe.Close())
	}
	return func() error {
		_, err := pipe.Write([]byte("\n"))
		return errors.Join(err, cmd.Wait()) // Wait closes the pipe
	}, nil
}
