package mount

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// An fsContext is a file system that is being configured, of fsopen(2).
type fsContext struct{ fd int }

func openContext(fsType string) (*fsContext, error) {
	fd, err := unix.Fsopen(fsType, unix.FSOPEN_CLOEXEC)
	if errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("this kernel has no file system %q, or its module is not loaded: %w", fsType, err)
	}
	if err != nil {
		return nil, fmt.Errorf("fsopen: %w", err)
	}
	return &fsContext{fd: fd}, nil
}

func (c *fsContext) close() { _ = unix.Close(c.fd) }

// configure hands over the source and each option by itself: a value may hold
// commas (R15).
func (c *fsContext) configure(p plan) error {
	if err := unix.FsconfigSetString(c.fd, "source", p.source); err != nil {
		return c.explain("set the source", err)
	}
	for _, o := range p.super {
		err := c.set(o)
		switch {
		case errors.Is(err, unix.EINVAL) && isContext(o.Key):
			err = fmt.Errorf("%w: %w", errContext, err)
		case errors.Is(err, unix.EINVAL):
			err = fmt.Errorf("%w: the kernel refused it: %w", ErrOption, err)
		}
		if err != nil {
			return c.explain("option "+o.String(), err)
		}
	}
	return nil
}

func (c *fsContext) set(o Option) error {
	if o.Value == "" {
		return unix.FsconfigSetFlag(c.fd, o.Key)
	}
	return unix.FsconfigSetString(c.fd, o.Key, o.Value)
}

// explain adds what the kernel wrote to the context's log to err.
func (c *fsContext) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		what += " (a read-only device can be mounted read-only only)"
	}
	if log := c.log(); log != "" {
		return fmt.Errorf("%s: %w: kernel: %s", what, err, log)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (c *fsContext) log() string {
	var lines []string
	b := make([]byte, 1024)
	for {
		n, err := unix.Read(c.fd, b)
		if err != nil || n <= 0 || len(lines) == 16 {
			return strings.Join(lines, "; ")
		}
		lines = append(lines, strings.TrimSpace(string(b[:n])))
	}
}
