//go:build !linux

package namelock

import "os"

func lock(*os.File, int64, Mode) error { return ErrPlatform }

func unlock(*os.File, int64) error { return ErrPlatform }
