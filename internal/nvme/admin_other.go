//go:build !linux

package nvme

import "errors"

func logPage(string, uint8, []byte) error { return errors.ErrUnsupported }

func identify(string, []byte) error { return errors.ErrUnsupported }
