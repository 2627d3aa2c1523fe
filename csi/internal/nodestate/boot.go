package nodestate

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/rawfile"
)

// BootID returns the kernel's id of this boot, see random(4); "" where there
// is none.
func BootID() string { return bootID() }

var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

// maxFile is the size from which a file is written anew without the lines that
// do not count any more.
const maxFile = 64 << 10

// SaveForBoot saves value under k until the machine is booted again: for what
// is known about mounts and device numbers, which end then. It survives a kill
// of the process at any moment, and costs no flush of the disk. After a crash
// of the machine [Store.Load] returns what [Store.Save] has saved last.
//
// It adds a line to the file: replacing the file would cost the file system a
// new file, a rename and the removal of the old one, which take longer than
// all else that publishing a volume does.
func (s Store[T]) SaveForBoot(k Key, value T) error {
	if BootID() == "" {
		return s.Save(k, value)
	}
	text, err := encode(BootID(), k, value)
	if err != nil {
		return err
	}
	path := s.path(k)
	size, err := durable.AppendLine(path, text, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeDir(); err != nil {
			return err
		}
		size, err = durable.AppendLine(path, text, 0o600)
	}
	if err != nil || size <= maxFile {
		return err
	}
	data, err := rawfile.Read(path)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(append(permanent[T](data), text...), '\n'), 0o600)
}
