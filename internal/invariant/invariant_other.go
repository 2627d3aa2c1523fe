//go:build !linux

package invariant

import (
	"errors"
	"io"
	"os"
)

// Targets needs Linux.
func Targets(...Target) []Violation { return unknown(oneMount, errors.ErrUnsupported) }

// Free needs Linux.
func Free(string) []Violation { return unknown("exclusive open", errors.ErrUnsupported) }

// Leftovers checks the files only: there are no mounts and loop devices of
// ours on this system.
func Leftovers(s Scope) []Violation { return s.files() }

// Mounts lists nothing: this system has no mounts of ours.
func Mounts(string) ([]string, error) { return nil, nil }

// Loops lists nothing: loop devices exist only on Linux.
func Loops(string) ([]string, error) { return nil, nil }

func nextData(f *os.File, at int64) (int64, error) {
	info, err := f.Stat()
	if err == nil && at >= info.Size() {
		err = io.EOF
	}
	return at, err
}
