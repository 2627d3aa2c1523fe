// Package proc runs child processes so that none outlives the operation that
// started it.
//
// A child runs in a process group of its own, which is killed as a whole when
// the context ends, and it has always been reaped when [Run] returns. A child
// that the kernel cannot kill, because it waits for a device, therefore keeps
// its caller: an operation that may still change a volume is never reported
// as over.
//
// A child gets LC_ALL=C and, unless told otherwise, an empty standard input.
// Its output is bounded. Secrets belong in Stdin or Env, never in Args:
// arguments are seen by every process and are repeated in errors.
//
// Nothing kills a child when this process dies. That is on purpose: the
// parent-death signal of Linux is sent when the starting thread ends, which in
// Go is no event of the program's, and a mkfs that runs to its end is safer
// than one that is cut off.
package proc
