//go:build !linux

package namelock

import (
	"errors"
	"os"
)

func lock(*os.File, int64, Mode) error { return errors.ErrUnsupported }

func unlock(*os.File, int64) error { return errors.ErrUnsupported }
