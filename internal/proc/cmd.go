package proc

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// MaxOutput is how many bytes of each output stream of a child are kept.
const MaxOutput = 64 << 10

// A Cmd is a program to be run.
type Cmd struct {
	// Name is a path, or a name to be looked up in PATH.
	Name string
	// Args are the arguments without the program's name. They must hold no
	// secrets.
	Args []string
	// Env is added to this process's environment, as KEY=VALUE.
	Env []string
	// Stdin is what the child reads; nil is nothing.
	Stdin io.Reader
	// Files are inherited as descriptors 3, 4 and so on. The child reaches
	// the first one as [ChildPath](0).
	Files []*os.File
}

// A Result is what a child left. It is valid beside an [*ExitError] too.
type Result struct {
	// Stdout and Stderr hold the first [MaxOutput] bytes of each stream.
	Stdout, Stderr []byte
	// Truncated says that a stream was longer.
	Truncated bool
	// ExitCode is the exit status, or -1 if the child was killed.
	ExitCode int
}

// ChildPath is the path by which a child reaches Files[i] of its Cmd. It
// exists on Linux only.
func ChildPath(i int) string { return "/proc/self/fd/" + strconv.Itoa(3+i) }

// String is the command line, for messages.
func (c Cmd) String() string {
	return strings.Join(append([]string{c.Name}, c.Args...), " ")
}

func (c Cmd) environ() []string {
	return append(append(os.Environ(), "LC_ALL=C", "LANGUAGE="), c.Env...)
}
