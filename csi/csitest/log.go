package csitest

import (
	"bytes"
	"sync"
)

// logKept is how much of a driver's log is shown when a check fails.
const logKept = 4 << 10

// A logBuffer looks for secrets in all that a driver logs and keeps the end.
type logBuffer struct {
	secrets []string
	mu      sync.Mutex
	end     []byte
	leaked  bool
}

// Write implements [io.Writer]; slog writes a record at a time.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, secret := range b.secrets {
		b.leaked = b.leaked || bytes.Contains(p, []byte(secret))
	}
	b.end = append(b.end, p...)
	b.end = b.end[max(0, len(b.end)-logKept):]
	return len(p), nil
}

// tail returns the end of the log, and whether a secret was anywhere in it.
func (b *logBuffer) tail() (end string, leaked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.end), b.leaked
}
