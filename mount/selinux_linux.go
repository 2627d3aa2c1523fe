package mount

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkContexts proves that SELinux contexts are in effect, and undoes the
// mount if they are not.
func (k *Kernel) checkContexts(ctx context.Context, options []Option, target string) error {
	var missing []string
	for _, o := range options {
		if !isContext(o.Key) {
			continue
		}
		info, err := k.find(target)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(info.Options, func(shown string) bool {
			key, value, _ := strings.Cut(shown, "=")
			return key == o.Key && unquote(value) == o.Value
		}) {
			missing = append(missing, o.String())
		}
	}
	if missing == nil {
		return nil
	}
	err := fmt.Errorf("%w: %s is not in effect: is SELinux enabled on this node?", ErrOption, strings.Join(missing, ", "))
	return errors.Join(err, k.unmount(context.WithoutCancel(ctx), target))
}
