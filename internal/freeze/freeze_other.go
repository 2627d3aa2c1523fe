//go:build !linux

package freeze

import (
	"errors"
	"fmt"
	"os"

	"github.com/csikit/csikit/internal/loopdev"
)

var errNoFreeze = fmt.Errorf("file systems are frozen only on Linux: %w", errors.ErrUnsupported)

// While is unsupported on this system.
func While(*os.File, func() error) error { return errNoFreeze }

// Thaw is unsupported on this system.
func Thaw(*os.File) error { return errNoFreeze }

// Image is unsupported on this system.
func Image(*os.File) (*loopdev.Info, *os.File, error) { return nil, nil, errNoFreeze }

// ThawImage is unsupported on this system.
func ThawImage(string) error { return errNoFreeze }

// Root is unsupported on this system.
func Root(string) (*os.File, error) { return nil, errNoFreeze }

// Flush is unsupported on this system.
func Flush(string, *os.File) error { return errNoFreeze }
