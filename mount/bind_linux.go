package mount

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// Bind makes a bind mount; see [Table].
//
// The source may be a path below /proc/self/fd, which names an open file or
// directory whatever its path has become; any other path must not be a symbolic
// link. Attributes that the source's mount has, such as nodev, are kept. A bind
// mount has the SELinux contexts of its file system: if those are not the ones
// among the options, Bind fails and undoes the mount (R16).
func (k *Kernel) Bind(ctx context.Context, b Binding) error {
	b.Target = filepath.Clean(b.Target)
	if err := k.bind(ctx, b); err != nil {
		return fmt.Errorf("bind %s at %s: %w", b.Source, b.Target, err)
	}
	return nil
}

func (k *Kernel) bind(ctx context.Context, b Binding) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	options, err := cleanOptions(b.Options)
	if err != nil {
		return err
	}
	a, _, readOnly := takeAttrs(options)
	if b.Writable {
		a.clear |= unix.MOUNT_ATTR_RDONLY
	}
	if b.ReadOnly || readOnly {
		a.set |= unix.MOUNT_ATTR_RDONLY
	}
	p, err := k.openPlace(b.Target)
	if err != nil {
		return err
	}
	defer p.close()
	if k.Features().NewMount {
		err = k.bindNew(ctx, b.Source, a, p)
	} else {
		err = k.bindOld(ctx, b.Source, a, p)
	}
	if err != nil {
		return err
	}
	return k.checkContexts(ctx, options, b.Target)
}

// bindNew clones the source's mount out of sight, sets its attributes there and
// attaches it: at no moment does the target show other attributes (R5).
func (k *Kernel) bindNew(ctx context.Context, source string, a attrs, p *place) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, openTreeFlags(source))
	if err != nil {
		return fmt.Errorf("clone the source: %w", err)
	}
	tree := &detached{fd: fd}
	defer tree.close()
	if err := sameKind(tree.fd, p); err != nil {
		return err
	}
	if !a.empty() {
		attr := unix.MountAttr{Attr_set: a.set, Attr_clr: a.clear}
		if err := unix.MountSetattr(tree.fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
			return fmt.Errorf("set the attributes: %w", err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	crashpoint.Step("bind.attach")
	return k.attach(tree, p)
}

func openTreeFlags(source string) uint {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_NO_AUTOMOUNT)
	if !isFDPath(source) {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	return flags
}

func isFDPath(path string) bool {
	rest, ok := strings.CutPrefix(path, "/proc/")
	_, fd := filepath.Split(rest)
	return ok && strings.HasSuffix(rest, "/fd/"+fd)
}

// sameKind refuses to put a directory on a file or the other way round, which
// the kernel calls ENOTDIR. A share is not asked: fstat(2) would (R14).
func sameKind(source int, p *place) error {
	var st unix.Statx_t
	if err := unix.Statx(source, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st); err != nil {
		return fmt.Errorf("stat the source: %w", err)
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK:
		return fmt.Errorf("the source is a symbolic link; pass what it points to")
	case (kind == unix.S_IFDIR) != p.isDir:
		return fmt.Errorf("source and target must both be directories or both be files: %w", unix.ENOTDIR)
	}
	return nil
}
