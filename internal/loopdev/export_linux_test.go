package loopdev

import "time"

// SetPatience changes how long a backing file may take to answer.
func SetPatience(d time.Duration) (old time.Duration) {
	old, patience = patience, d
	return old
}

// Quiet reports whether every question has been answered.
func Quiet() bool { return asked.Quiet() }
