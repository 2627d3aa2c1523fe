package nvme

import (
	"errors"
	"path/filepath"
)

// ErrRefused says that the controller of a disk did not execute a command, such as
// one for a log page that it does not have.
var ErrRefused = errors.New("the disk refuses the command")

// LogPage returns the first n bytes, a multiple of 4, of a log page of a disk. It
// needs CAP_SYS_ADMIN, and Linux. A disk without the page gives [ErrRefused]; one
// that does not answer gives an error after some seconds.
func (t Tree) LogPage(disk string, page uint8, n int) ([]byte, error) {
	data := make([]byte, n)
	if err := logPage(filepath.Join(t.Dev, disk), page, data); err != nil {
		return nil, err
	}
	return data, nil
}
