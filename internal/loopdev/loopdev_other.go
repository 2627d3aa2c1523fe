//go:build !linux

package loopdev

import (
	"context"
	"errors"
	"fmt"
	"os"
)

var errNoLoop = fmt.Errorf("loop devices exist only on Linux: %w", errors.ErrUnsupported)

// Attach is unsupported on this system.
func Attach(context.Context, *os.File, Options) (*os.File, error) { return nil, errNoLoop }

// SetCapacity is unsupported on this system.
func SetCapacity(*os.File) error { return errNoLoop }

// Keep is unsupported on this system.
func Keep(*os.File) error { return errNoLoop }

// Detach is unsupported on this system.
func Detach(*os.File) error { return errNoLoop }

// Each is unsupported on this system.
func Each(func(string) bool, func(Info) error) error { return errNoLoop }

// Find is unsupported on this system.
func Find(*os.File) ([]Info, error) { return nil, errNoLoop }

func eachOf(*os.File, func(Info) error) error { return errNoLoop }

// Identity is unsupported on this system.
func Identity(*os.File) (dev, ino uint64, err error) { return 0, 0, errNoLoop }

// Status is unsupported on this system.
func Status(*os.File) (Info, error) { return Info{}, errNoLoop }
