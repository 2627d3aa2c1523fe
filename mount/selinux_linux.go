package mount

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// errContext says why the kernel takes no SELinux context.
var errContext = fmt.Errorf("%w: SELinux is not enabled on this node, or its policy does not know the context", ErrOption)

// checkContexts proves that SELinux contexts are in effect, and undoes the
// mount if they are not.
func (k *Kernel) checkContexts(ctx context.Context, options []Option, target string) error {
	if !hasContexts(options) {
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
	err = fmt.Errorf("%w: %s is not in effect: SELinux is not enabled on this node, or not visible to mount(8), or the volume is mounted for another context",
		ErrOption, strings.Join(missing, ", "))
	return errors.Join(err, k.unmount(context.WithoutCancel(ctx), target))
}

// contextsByMount2 says that a superblock gets its contexts by mount(2) only.
// btrfs before Linux 6.8 makes one without those of fsconfig(2), and the kernel
// then refuses to change them.
func (m Mount) contextsByMount2() bool {
	return m.Type == "btrfs" && hasContexts(m.Options) && !knowsItsOptions(m.Type)
}

// knowsItsOptions reports whether a file system itself takes what fsconfig(2) is
// given. For one that does not the kernel collects whatever there is in a string
// for mount(2), and refuses nothing.
func knowsItsOptions(fsType string) bool {
	fs, err := openContext(fsType)
	if err != nil {
		return false
	}
	defer fs.close()
	return errors.Is(fs.set(Option{Key: "no such option"}), unix.EINVAL)
}

// refusesContexts reports whether it is the contexts for which mount(2) has
// failed: its errno can mean anything, but a tmpfs has no other option.
func (h *hideout) refusesContexts(options []Option) bool {
	var contexts []Option
	for _, o := range options {
		if isContext(o.Key) {
			contexts = append(contexts, o)
		}
	}
	data, _, err := oldData(plan{super: contexts})
	if err != nil || data == "" {
		return false
	}
	if err := unix.Mount("csikit", h.node, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, data); err != nil {
		return errors.Is(err, unix.EINVAL)
	}
	return false // remove takes the tmpfs away
}
