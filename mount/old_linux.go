package mount

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/crashpoint"
)

// mountOld mounts by mount(2), for kernels without the newer system calls.
func (k *Kernel) mountOld(ctx context.Context, m Mount, plan plan, p *place) (err error) {
	data, flags, err := oldData(plan)
	if err != nil {
		return err
	}
	if m.Living != nil {
		return errAlive // mount(2) shows what it has mounted before it can be proven to be the right one
	}
	if m.Device != nil {
		if err := idle(m.Device); err != nil {
			return err
		}
	}
	h, err := k.hide(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = joinUndo(err, h.remove()) }()
	crashpoint.Step("mount.create")
	if err := unix.Mount(plan.source, h.node, m.Type, flags, data); err != nil {
		err = clone(m.Type, err)
		if errors.Is(err, unix.EINVAL) && h.refusesContexts(plan.super) {
			err = fmt.Errorf("%w: %w", errContext, err)
		}
		return fmt.Errorf("mount(2) with options %v: %w; the kernel's log may say more", plan.super, err)
	}
	if m.Device != nil {
		if err := h.proveDevice(m.Type, plan.number); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return h.move(p)
}

// oldData makes the comma string of mount(2). Only SELinux contexts can hold
// commas there, in quotes.
func oldData(p plan) (string, uintptr, error) {
	flags, parts := oldFlags(p.attrs.set), []string(nil)
	for _, o := range p.super {
		if f, ok := superFlags[o.Key]; ok && o.Value == "" {
			flags |= f
			continue
		}
		switch {
		case o.Value == "":
			parts = append(parts, o.Key)
		case isContext(o.Key):
			parts = append(parts, o.Key+`="`+o.Value+`"`)
		case strings.Contains(o.Value, ","):
			return "", 0, fmt.Errorf("%w: %s: mount(2), which this kernel needs, takes no comma in a value", ErrOption, o)
		default:
			parts = append(parts, o.Key+"="+o.Value)
		}
	}
	return strings.Join(parts, ","), flags, nil
}

// superFlags are the options of every file system that are flags of mount(2);
// 0 is the default.
var superFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "sync": unix.MS_SYNCHRONOUS, "async": 0, "dirsync": unix.MS_DIRSYNC,
	"lazytime": unix.MS_LAZYTIME, "nolazytime": 0,
}

// bindOld makes the bind mount in a hideout, changes its attributes there, and
// moves it: at no moment does the target show other attributes (R5).
func (k *Kernel) bindOld(ctx context.Context, source string, a attrs, p *place) (err error) {
	fd, err := openSource(source)
	if err != nil {
		return fmt.Errorf("open the source: %w", err)
	}
	defer unix.Close(fd)
	if err := sameKind(fd, p); err != nil {
		return err
	}
	h, err := k.hide(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = joinUndo(err, h.remove()) }()
	crashpoint.Step("bind.create")
	if err := unix.Mount(fdPath(fd), h.node, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount(2): %w", err)
	}
	if err := h.setAttrs(a); err != nil {
		return fmt.Errorf("set the attributes: %w", err)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return h.move(p)
}

func openSource(source string) (int, error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !isFDPath(source) {
		flags |= unix.O_NOFOLLOW
	}
	return unix.Open(source, flags, 0)
}

// joinUndo adds the failure of undoing to the error that made it necessary.
// After a success it is only the hidden directory that is left.
func joinUndo(err, undo error) error {
	if undo == nil {
		return err
	}
	undo = fmt.Errorf("clean up behind it: %w", undo)
	if err == nil {
		return undo
	}
	return fmt.Errorf("%w; and %w", err, undo)
}
