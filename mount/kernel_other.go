//go:build !linux

package mount

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

var errOS = fmt.Errorf("mounts on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Features is empty on this system.
func (k *Kernel) Features() Features { return Features{} }

// Mount fails on this system.
func (k *Kernel) Mount(context.Context, Mount, string) error { return errOS }

// Bind fails on this system.
func (k *Kernel) Bind(context.Context, Binding) error { return errOS }

// Find fails on this system.
func (k *Kernel) Find(string) (Info, error) { return Info{}, errOS }

// Unmount fails on this system.
func (k *Kernel) Unmount(context.Context, string) error { return errOS }

// Others fails on this system.
func (k *Kernel) Others(Info) ([]string, error) { return nil, errOS }

// Shared fails on this system.
func (k *Kernel) Shared(string) (bool, error) { return false, errOS }

// Propagation fails on this system.
func (k *Kernel) Propagation(string) (Propagation, error) { return Propagation{}, errOS }

// Lacks knows of no mounts on this system.
func (i Info) Lacks([]Option) []string { return nil }

// MakeDir fails on this system.
func MakeDir(string) error { return errOS }

// MakeFile fails on this system.
func MakeFile(string) error { return errOS }

// Remove fails on this system.
func Remove(string) error { return errOS }
