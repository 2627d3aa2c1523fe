package mount

import (
	"log/slog"
	"sync"
	"time"

	"github.com/csikit/csikit/internal/watch"
)

// defaultPatience is how long the server or daemon of a share may take to
// answer before the share counts as silent.
const defaultPatience = 5 * time.Second

// Kernel is the mount table of this process's mount namespace. The zero Kernel
// is ready; its fields must not be changed once it is used. It exists for
// Linux; elsewhere its methods return an error that wraps
// [errors.ErrUnsupported].
type Kernel struct {
	// Logger gets what an operator should know but no caller can act upon;
	// nil is [slog.Default].
	Logger *slog.Logger
	// Only limits a Kernel to these interfaces. nil uses all that there are.
	// It is for tests, which show that every way keeps the same guarantees,
	// and for kernels that have an interface but have it wrong.
	Only *Features

	hidden   string        // where mount(2) builds a mount; "" is hiddenDir
	patience time.Duration // how long a share may take to answer; 0 is defaultPatience

	once  sync.Once
	has   Features
	watch watch.Watch
}

var _ Table = (*Kernel)(nil)

// NewKernel returns a Kernel that logs to the default logger.
func NewKernel() *Kernel { return &Kernel{} }

func (k *Kernel) logger() *slog.Logger {
	if k.Logger != nil {
		return k.Logger
	}
	return slog.Default()
}

// Features says which of the kernel's interfaces a [Kernel] uses. They are
// found out by trying them once, never by the kernel's version.
type Features struct {
	// NewMount: fsopen, open_tree, mount_setattr and move_mount, which
	// build a mount out of sight (Linux 5.12). Without them mount(2) does it in a
	// hidden place, from which the mount is moved.
	NewMount bool
	// Exclusive: FSCONFIG_CMD_CREATE_EXCL, which refuses a file system that
	// is alive already (Linux 6.6). Without it the device is opened with
	// O_EXCL just before.
	Exclusive bool
	// Statmount: statmount(2) with all fields needed (Linux 6.13). Without
	// it details of a mount are read from mountinfo.
	Statmount bool
}

// String is for a line in the log.
func (f Features) String() string {
	s := "mount(2)"
	if f.NewMount {
		s = "fsopen"
	}
	if f.Exclusive {
		s += "+exclusive"
	}
	if f.Statmount {
		return s + ", statmount"
	}
	return s + ", mountinfo"
}
