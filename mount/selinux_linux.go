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
	if !slices.ContainsFunc(options, func(o Option) bool { return isContext(o.Key) }) {
		return nil
	}
	info, err := k.find(target)
	if err != nil {
		return err
	}
	missing := info.MissingContexts(options)
	if missing == nil {
		return nil
	}
	err = fmt.Errorf("%w: %s is not in effect, but %q: SELinux is not enabled on this node, or the volume is mounted for another context",
		ErrOption, strings.Join(missing, ", "), info.Options)
	return errors.Join(err, k.unmount(context.WithoutCancel(ctx), target))
}
