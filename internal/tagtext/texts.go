package tagtext

import (
	"fmt"
	"strings"

	"github.com/csikit/csikit/csi"
)

// Texts are what the tags of one resource are made of.
type Texts []Text

// A Check refuses tags that the cloud would refuse, and those that nobody may set.
type Check func(key, value string) error

// Add adds a text. A tag that does not depend on any fields is checked at once.
// Errors wrap [csi.ErrInvalid], or are those of check.
func (t *Texts) Add(text string, check Check) error {
	parsed, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", csi.ErrInvalid, err)
	}
	*t = append(*t, parsed)
	if strings.Contains(text, "{{") {
		return nil
	}
	_, err = Texts{parsed}.Tags(nil, check)
	return err
}

// Tags makes the tags, with the fields that the texts may name; of two with one
// key the later one. Errors are as those of Add.
func (t Texts) Tags(fields any, check Check) (map[string]string, error) {
	tags := map[string]string{}
	for _, text := range t {
		key, value, err := text.Tag(fields)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", csi.ErrInvalid, err)
		}
		if err := check(key, value); err != nil {
			return nil, err
		}
		tags[key] = value
	}
	return tags, nil
}
