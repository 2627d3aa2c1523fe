package nodestate

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/csikit/csikit/internal/durable"
)

// overlayEnd is the end of the name of a file that is of this boot only.
const overlayEnd = ".boot.json"

// overlay is what is in such a file.
type overlay[T any] struct {
	Boot string `json:"boot"`
	file[T]
}

var thisBoot = sync.OnceValue(BootID)

// SaveForBoot saves value under k until the machine is booted again: for what
// is known about mounts and device numbers, which end then. It survives a kill
// of the process at any moment, and costs no flush of the disk. After a crash
// of the machine [Store.Load] returns what [Store.Save] has saved last.
func (s Store[T]) SaveForBoot(k Key, value T) error {
	if thisBoot() == "" {
		return s.Save(k, value)
	}
	data, err := json.MarshalIndent(overlay[T]{thisBoot(), file[T]{Volume: k.Volume, Target: k.Target, Value: value}}, "", "  ")
	if err != nil {
		return err
	}
	if err := s.makeDir(); err != nil {
		return err
	}
	return durable.ReplaceFile(overlayOf(s.path(k)), append(data, '\n'), 0o600)
}

func overlayOf(path string) string { return strings.TrimSuffix(path, ".json") + overlayEnd }

// readNewest reads the file of this boot, else the one that was saved durably.
// A file of an earlier boot, or one that a crash has damaged, counts for nothing.
func (s Store[T]) readNewest(path string) (*file[T], error) {
	data, err := os.ReadFile(overlayOf(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		o := new(overlay[T])
		if json.Unmarshal(data, o) == nil && o.Boot == thisBoot() {
			return &o.file, nil
		}
	}
	return s.read(path)
}
