package classparam

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/csikit/csikit/csi"
)

// A Setter puts the value of a parameter into T. Its error wraps
// [csi.ErrInvalid] and says what would be right; name and value are added.
type Setter[T any] func(into *T, value string) error

// Names are the parameters that there are, in lower case. A name that ends in *
// stands for all that begin so, of which T gets each.
type Names[T any] map[string]Setter[T]

// With returns n and more.
func (n Names[T]) With(more Names[T]) Names[T] {
	all := maps.Clone(n)
	maps.Copy(all, more)
	return all
}

// Read sets what the parameters say, in the order of their names. A parameter
// that is unknown, or that is there twice and differs, is an error that wraps
// [csi.ErrInvalid].
func (n Names[T]) Read(into *T, parameters map[string]string) error {
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		name, value := strings.ToLower(key), parameters[key]
		if other, twice := seen[name]; twice && parameters[other] != value {
			return fmt.Errorf("%w: parameters %s and %s are the same and differ", csi.ErrInvalid, other, key)
		}
		seen[name] = key
		set := n.setter(name)
		if set == nil {
			return fmt.Errorf("parameter %s=%q: %w: there is no such parameter; there are %s",
				key, value, csi.ErrInvalid, strings.Join(slices.Sorted(maps.Keys(n)), ", "))
		}
		if err := set(into, value); err != nil {
			return fmt.Errorf("parameter %s=%q: %w", key, value, err)
		}
	}
	return nil
}

func (n Names[T]) setter(name string) Setter[T] {
	if set := n[name]; set != nil {
		return set
	}
	for pattern, set := range n {
		if stem, some := strings.CutSuffix(pattern, "*"); some && strings.HasPrefix(name, stem) {
			return set
		}
	}
	return nil
}
