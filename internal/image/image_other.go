//go:build !linux

package image

import (
	"errors"
	"os"
)

// Blank is always false here.
func Blank(*os.File) bool { return false }

// Reflink is unsupported on this system.
func Reflink(dst, src *os.File) error { return ErrNoReflink }

// Allocated returns the size of a file on this system.
func Allocated(info os.FileInfo) int64 { return info.Size() }

// Space is unsupported on this system.
func Space(string) (size, free int64, err error) { return 0, 0, errors.ErrUnsupported }

func allocate(*os.File, int64) error { return errors.ErrUnsupported }

func nextData(*os.File, int64, int64) (start, end int64, err error) {
	return 0, 0, errors.ErrUnsupported
}
