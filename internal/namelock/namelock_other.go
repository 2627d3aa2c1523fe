//go:build !linux

package namelock

import (
	"errors"
	"os"
)

func lockByte(*os.File, int64, Mode) error { return errors.ErrUnsupported }

func unlockByte(*os.File, int64) error { return errors.ErrUnsupported }
