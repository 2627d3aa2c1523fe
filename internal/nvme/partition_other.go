//go:build !linux

package nvme

import (
	"errors"
	"os"
)

// CheckPartition is for Linux.
func (t Tree) CheckPartition(*os.File, string, string) error { return errors.ErrUnsupported }
