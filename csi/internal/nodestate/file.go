package nodestate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/csikit/csikit/internal/rawfile"
)

// A line is what one call has saved. A file has the line of [Store.Save], if
// there was one, and after it those of [Store.SaveForBoot]: the last one that
// can be read and that is not of an earlier boot counts.
type line[T any] struct {
	// Boot is the boot that the value belongs to, "" if it outlives it.
	Boot   string `json:"boot,omitempty"`
	Volume string `json:"volume"`
	Target string `json:"target,omitempty"`
	Value  T      `json:"value"`
}

func encode[T any](boot string, k Key, value T) ([]byte, error) {
	return json.Marshal(line[T]{boot, k.Volume, k.Target, value})
}

// read returns the line of a file that counts. The error wraps
// [fs.ErrNotExist] if there is none, and [ErrDamaged] if there is none because
// of lines that cannot be read.
func (s Store[T]) read(path string) (*line[T], error) {
	data, err := rawfile.Read(path)
	if err != nil {
		return nil, err
	}
	var damage error
	for _, text := range slices.Backward(bytes.Split(data, []byte{'\n'})) {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		l := new(line[T])
		switch err := json.Unmarshal(text, l); {
		case err != nil: // torn by a kill or a crash
			damage = err
		case l.Boot == "" || l.Boot == BootID():
			return l, nil
		}
	}
	if damage != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, damage)
	}
	return nil, fs.ErrNotExist
}

// permanent is the line of data that outlives the boot, if it has one.
func permanent[T any](data []byte) []byte {
	for text := range bytes.Lines(data) {
		var l line[T]
		if json.Unmarshal(text, &l) == nil && l.Boot == "" {
			return text
		}
	}
	return nil
}
