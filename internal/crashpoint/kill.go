//go:build csikit_crash

// Package crashpoint marks the steps before which a crash test kills the
// process: this build dies before the step whose number CSIKIT_CRASH_AT says.
package crashpoint

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

var (
	count atomic.Int64
	at, _ = strconv.ParseInt(os.Getenv("CSIKIT_CRASH_AT"), 10, 64)
	trace = os.Getenv("CSIKIT_CRASH_TRACE") != ""
)

// Step marks a system call or a child process that is about to run.
func Step(name string) {
	n := count.Add(1)
	if trace {
		fmt.Fprintf(os.Stderr, "crashpoint %d %s\n", n, name)
	}
	if n == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
