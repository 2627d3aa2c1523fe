//go:build !linux

package nvme

import "errors"

func identify(string, []byte) error { return errors.ErrUnsupported }
