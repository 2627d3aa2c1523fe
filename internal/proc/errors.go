package proc

import (
	"bytes"
	"fmt"
)

// An ExitError says that a child ended with another status than 0.
type ExitError struct {
	// Command is the command line.
	Command string
	// Code is the exit status, or -1 if a signal ended the child.
	Code int
	// Signal is the name of that signal, or empty.
	Signal string
	// Stderr is what the child wrote to its standard error, bounded.
	Stderr string
}

// Error has the command, how it ended and what it said.
func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit status %d", e.Code)
	if e.Signal != "" {
		how = "ended by signal: " + e.Signal
	}
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %s", e.Command, how)
	}
	return fmt.Sprintf("%s: %s: %s", e.Command, how, e.Stderr)
}

// maxMessage bounds what an error repeats of a child's standard error.
const maxMessage = 2 << 10

func message(stderr []byte) string {
	b := bytes.TrimSpace(stderr)
	if len(b) > maxMessage {
		b = append(append([]byte{}, b[:maxMessage]...), "..."...)
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}
